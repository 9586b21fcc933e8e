// A shop that random commands come to, decided and folded in turns as the writer does it, with
// neither thread nor log: what its commits would be is kept as bytes.
#pragma once

#include <rapidcheck.h>

#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "commands/command.hpp"
#include "events/commit.hpp"
#include "projections/views/shop.hpp"

namespace jangbu::test {

// One command to come. What its numbers mean depends on what is in the shop by then, so that a step
// makes sense wherever rapidcheck puts it.
struct Step {
  unsigned kind = 0;
  unsigned who = 0;
  unsigned what = 0;
  int amount = 0;
  bool keyed = false;     // comes with an idempotency key of its own
  bool ends_turn = true;  // and the turn's commit goes into the log
};

void showValue(const Step& step, std::ostream& out);

rc::Gen<std::vector<Step>> any_steps();

class Simulation {
 public:
  struct Options {
    std::int64_t step_ms = 1'000;  // how much later each command comes
  };
  struct Accepted {
    Command command;
    Conditions conditions;
    EventId event;
  };

  // All that accounts and products are called.
  static std::vector<std::string> names_in_use();

  Simulation() = default;
  explicit Simulation(Options options) : options_(options) {}

  // Takes the steps, and commits what is left staged at their end.
  void run(const std::vector<Step>& steps);
  // Decides the step's command and stages what it comes to.
  Decision take(const Step& step);
  void commit();
  void drop();

  const Shop& shop() const { return shop_; }
  Shop& shop() { return shop_; }
  Timestamp now() const { return now_; }
  const std::vector<std::string>& log() const { return log_; }  // payloads from position 1 on
  const std::vector<RecordedEvent>& events() const { return events_; }  // in the log and staged
  const std::vector<Accepted>& accepted() const { return accepted_; }
  // Which commands were decided on, by their places in the variant.
  const std::set<std::size_t>& taken() const { return taken_; }

 private:
  struct Quote {
    QuoteId id;
    Offer offer;
    Timestamp expires_at;
  };

  Command command_of(const Step& step);

  Options options_;
  Shop shop_;
  Timestamp now_{1'772'357'400'000};
  unsigned steps_ = 0;

  std::vector<std::string> log_;
  std::vector<RecordedEvent> staged_;
  Timestamp committed_at_;  // of the turn, from its first event on
  std::vector<RecordedEvent> events_;
  std::vector<Accepted> accepted_;
  std::set<std::size_t> taken_;

  std::vector<AccountId> accounts_;
  std::vector<ProductId> products_;
  std::vector<PurchaseId> purchases_;
  std::vector<Quote> quotes_;
};

// The shop that a replay of these payloads gives.
Shop replay(const std::vector<std::string>& log);

}  // namespace jangbu::test
