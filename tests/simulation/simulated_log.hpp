// The log of a shop as its servers show it: one server, or three of which one leads. What a client
// of it may meet: messages that are lost, late or overtake each other (the caller's business, see
// Instance), commits that land later, refusals though nothing is stored, leaders that go or are
// cut off and go on answering, a majority that is away; and, if a world is like that, a broken
// fence.
//
// While the servers are cut apart there are two sides; the majority is on side 0.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "events/event_log.hpp"
#include "tests/simulation/world.hpp"

namespace jangbu::simulation {

class SimulatedLog {
 public:
  struct Options {
    unsigned replicas = 1;
    double false_refusals = 0;
    double late_landings = 0;
    double broken_fence = 0;
  };
  struct Append {
    Position expected;
    CommitId id;
    Origin origin;
    std::shared_ptr<const std::string> payload;
  };
  using Acknowledge = std::function<void(AppendResult)>;

  // `landed` is told of every commit that is stored.
  SimulatedLog(World& world, Options options, std::function<void(const StoredCommit&)> landed);

  const Options& options() const { return options_; }
  Position last() const { return {commits_.size()}; }
  StoredCommit at(Position position) const;
  // What is there before anything happens.
  void begin_with(const Append& append) {
    store(append, [](const AppendResult&) {});
  }

  // --- What servers say. Nothing, if the optional is empty, or `acknowledge` is not called ---
  void arrive(unsigned side, const Append& append, Acknowledge acknowledge);
  std::optional<Position> end(unsigned side) const;
  std::optional<std::optional<StoredCommit>> read(unsigned side, Position position) const;
  // How far readers can read.
  Position readable(unsigned side) const;

  // --- What happens to them ---
  void lose_leader();     // until there is another
  void change_leader();   // as if it was asked to
  void lose_majority();   // of three
  void cut_off_leader();  // of three, with side 1
  void mend();
  void be_good();  // from now on, no fault of its own

 private:
  struct Proposal {
    Append append;
    Acknowledge acknowledge;
    std::uint64_t number;
  };
  struct CutOff {
    Position end;
    std::uint64_t proposed = 0;
    Time answers_until;
  };

  void store(const Append& append, const Acknowledge& acknowledge);
  void land();
  void drop_or_land();
  void elect_after(Time time);

  World& world_;
  Options options_;
  const std::function<void(const StoredCommit&)> landed_;
  std::vector<Append> commits_;
  std::optional<Proposal> proposal_;  // accepted by the leader, and not stored yet
  std::uint64_t proposals_ = 0;
  std::uint64_t elections_ = 0;
  bool has_leader_ = true;
  std::optional<Time> without_majority_;  // and until when the leader answers all the same
  std::optional<CutOff> cut_off_;
};

}  // namespace jangbu::simulation
