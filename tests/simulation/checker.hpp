// The rules that a shop of several instances keeps, asked after every step: of each commit when it
// lands in the log, of each answer when its client gets it. What the checker knows of the shop is a
// small fold of its own; of the product's code it uses what decodes commits.
//
// - What was acknowledged is in the log, once, at the position that was told. A command is there at
//   most once, however often it was tried; if it has a key, all tries are told the same event.
// - What was answered 'not done' is not there, and never will be.
// - Stock is never below zero, and always what the events say; nobody buys who has closed.
// - Refusals, offers and 'unchanged' were true at the log's end at some moment between asking and
//   answering, and no answer is from before its question.
// - A commit is by the instance that claimed last, where it was decided. One that was let in
//   elsewhere is void: nobody counts it.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "commands/submission.hpp"
#include "events/commit.hpp"
#include "tests/simulation/world.hpp"

namespace jangbu::simulation {

// A try to have a command carried out. An event names its try as its correlation.
struct Try {
  std::uint32_t command = 0;
  std::uint32_t number = 0;

  friend auto operator<=>(const Try&, const Try&) = default;
};
std::string to_string(const Try& one);
std::optional<Try> parse_try(std::string_view text);

struct Asked {
  Command command;
  bool has_key = false;
};

class Checker {
 public:
  struct Totals {
    std::uint64_t commits = 0, terms = 0, voids = 0;
    std::uint64_t recorded = 0, repeated = 0, unchanged = 0, offers = 0, refused = 0;
    std::uint64_t not_done = 0, unknown = 0;

    Totals& operator+=(const Totals& other);
  };

  // `command`: what was asked for, by number.
  explicit Checker(std::function<const Asked&(std::uint32_t)> command)
      : command_(std::move(command)) {}

  void landed(const StoredCommit& stored);
  void asked(const Try& one);
  void told(const Try& one, const Outcome& outcome);
  // Its client was told that nothing was done, by somebody other than a writer.
  void not_done(const Try& one);
  // Its client heard nothing, or that nobody knows.
  void unknown() { ++totals_.unknown; }

  const Totals& totals() const { return totals_; }
  bool is_in_log(std::uint32_t command) const { return done_.contains(command); }
  std::int64_t stock(const ProductId& product) const;

 private:
  // A product after an event.
  struct Product {
    EventId since;
    std::int64_t stock = 0;
    std::int64_t price = 0;
  };
  struct Done {
    Try by;
    EventId event;
  };
  template <class T>
  using History = std::vector<T>;

  void landed(const Event& event, EventId id);
  void move_stock(const ProductId& product, std::int64_t change, EventId id);
  // Whether this was true of the product at some moment from `from` on.
  bool was(const ProductId& product, Position from,
           const std::function<bool(const Product&)>& holds) const;
  bool is_true(const Refusal& refusal, const Asked& asked, Position from) const;
  void check_result(const Try& one, const Outcome& outcome, Position from);

  const std::function<const Asked&(std::uint32_t)> command_;
  Totals totals_;
  Position last_;
  std::optional<InstanceId> active_;
  std::map<ProductId, History<Product>> products_;
  std::set<AccountId> accounts_, closed_;
  std::map<std::uint32_t, Done> done_;
  std::set<Try> not_done_;
  std::map<Try, Position> asked_;  // where the log ended then
};

}  // namespace jangbu::simulation
