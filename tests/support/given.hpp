// Tests of commands, written as sentences: given past events, when a command arrives, then this is
// decided.
//
//   given(AccountOpened{hong}).when(CloseAccount{hong.account, at}).then(AccountClosed{hong, at});
//
// Past events are folded one commit at a time, at positions 1, 2, 3, ... A failing sentence shows
// the line it ends on and the actual decision.
#pragma once

#include <type_traits>
#include <utility>
#include <vector>

#include "commands/command.hpp"
#include "commands/principal.hpp"
#include "projections/views/shop.hpp"
#include "tests/support/samples.hpp"

namespace jangbu::test {

// The line of the caller. (The builtins are those behind std::source_location, which clang 14
// lacks.)
struct Where {
  Where(const char* in_file = __builtin_FILE(), int at_line = __builtin_LINE())
      : file(in_file), line(at_line) {}

  const char* file;
  int line;
};

// A past event and, where it matters, its time and the command key of its request.
struct Past {
  template <class Fact>
  requires std::is_constructible_v<Event, Fact> Past(Fact fact) : event(std::move(fact)) {}
  Past(Event happened, Timestamp when, std::optional<CommandKey> by = std::nullopt)
      : event(std::move(happened)), at(when), key(by) {}

  Event event;
  Timestamp at = opening;
  std::optional<CommandKey> key;
};

// Expects that nothing is recorded, since everything already is as requested.
struct AsItIs {};
inline constexpr AsItIs as_it_is;

class When {
 public:
  When(Shop shop, Command command, Conditions conditions, const Principal& asker);

  // REQUIRES: each sentence ends with exactly one of these.
  void then(const Event& event, Where where = {}) const;
  void then(const Refusal& refusal, Where where = {}) const;
  void then(const Offer& offer, Where where = {}) const;
  void then(Repeated repeated, Where where = {}) const;
  // Expects an answer that shows the entity as it is now.
  void then(AsItIs, Where where = {}) const;

  const Decision& decision() const { return decision_; }

 private:
  template <class Expected>
  void expect(const Expected& expected, Where where) const;

  Shop shop_;
  Command command_;
  Decision decision_;
};

class Given {
 public:
  explicit Given(const std::vector<Past>& past);

  // The command is this principal's; anyone's otherwise.
  Given as(const Principal& asker) const;
  When when(Command command, Conditions conditions = {}) const;
  const Shop& shop() const { return shop_; }

 private:
  Shop shop_;
  Asker asker_ = anyone();
};

template <class... Facts>
Given given(Facts... past) {
  return Given(std::vector<Past>{Past(std::move(past))...});
}

}  // namespace jangbu::test
