// A shop that receives random commands and decides and folds them in turns as the writer does, but
// without thread or log: the payloads of its commits are kept as bytes.
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

// One future command. The meaning of its numbers depends on the shop's state at that time, so that
// a step makes sense wherever rapidcheck puts it.
struct Step {
  unsigned kind = 0;
  unsigned who = 0;
  unsigned what = 0;
  int amount = 0;
  bool keyed = false;     // comes with an idempotency key of its own
  bool ends_turn = true;  // after which the turn's commit goes into the log
  unsigned asker = 0;     // 0: anyone; else one of the principals, from 1
};

void showValue(const Step& step, std::ostream& out);

rc::Gen<std::vector<Step>> any_steps();

class Simulation {
 public:
  struct Options {
    std::int64_t step_ms = 1'000;  // time between commands
  };
  struct Accepted {
    Command command;
    Conditions conditions;
    Asker asker;
    EventId event;
  };

  // Who has all roles but the clerk's, each of whom has accounts and products of its own.
  static constexpr unsigned principals = 2;

  // All names that accounts and products can have.
  static std::vector<std::string> names_in_use();

  Simulation() = default;
  explicit Simulation(Options options) : options_(options) {}

  // Takes the steps, then commits what is still staged.
  void run(const std::vector<Step>& steps);
  // Decides the step's command and stages the resulting event.
  Decision take(const Step& step);
  void commit();
  void drop();

  const Shop& shop() const { return shop_; }
  Shop& shop() { return shop_; }
  Timestamp now() const { return now_; }
  const std::vector<std::string>& log() const { return log_; }  // payloads from position 1 on
  const std::vector<RecordedEvent>& events() const { return events_; }  // in the log and staged
  const std::vector<Accepted>& accepted() const { return accepted_; }
  // The commands that were decided on, as indices of the variant.
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
  Timestamp committed_at_;  // the time of the turn's first event
  std::vector<RecordedEvent> events_;
  std::vector<Accepted> accepted_;
  std::set<std::size_t> taken_;

  std::vector<AccountId> accounts_;
  std::vector<ProductId> products_;
  std::vector<PurchaseId> purchases_;
  std::vector<Quote> quotes_;
};

// The shop that results from replaying these payloads.
Shop replay(const std::vector<std::string>& log);

}  // namespace jangbu::test
