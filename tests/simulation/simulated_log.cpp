#include "tests/simulation/simulated_log.hpp"

#include <utility>

namespace jangbu::simulation {

namespace {

// nats-server holds no election within 4 s of the last heartbeat, and one takes 9 s at most.
constexpr Time election_from = 4s, election_to = 9s;
// How long a leader that was cut off may go on as if nothing had happened.
constexpr Time answers_at_most = 12s;

}  // namespace

SimulatedLog::SimulatedLog(World& world, Options options,
                           std::function<void(const StoredCommit&)> landed)
    : world_(world), options_(options), landed_(std::move(landed)) {}

StoredCommit SimulatedLog::at(Position position) const {
  const Append& commit = commits_.at(position.value - 1);
  return {position, commit.id, commit_format, *commit.payload, commit.payload, commit.origin};
}

void SimulatedLog::store(const Append& append, const Acknowledge& acknowledge) {
  commits_.push_back(append);
  landed_(at(last()));
  acknowledge(Appended{last()});
}

void SimulatedLog::arrive(unsigned side, const Append& append, Acknowledge acknowledge) {
  if (side == 1) {
    if (!cut_off_ || world_.now() >= cut_off_->answers_until) return;
    if (append.expected.value != cut_off_->end.value + cut_off_->proposed)
      return acknowledge(WrongSequence{});
    ++cut_off_->proposed;  // and it never commits
    return;
  }
  if (!has_leader_) return;
  if (world_.maybe(options_.broken_fence)) return store(append, acknowledge);
  if (append.expected.value != last().value + (proposal_ ? 1 : 0) ||
      world_.maybe(options_.false_refusals))
    return acknowledge(WrongSequence{});
  if (proposal_) return;
  if (!without_majority_ && !world_.maybe(options_.late_landings))
    return store(append, acknowledge);
  proposal_ = {append, std::move(acknowledge), ++proposals_};
  if (without_majority_) return;
  world_.after(world_.between(1ms, 3s), [this, number = proposals_] {
    if (proposal_ && proposal_->number == number && !without_majority_) land();
  });
}

void SimulatedLog::land() {
  const Proposal proposal = *std::exchange(proposal_, std::nullopt);
  if (proposal.append.expected == last()) store(proposal.append, proposal.acknowledge);
}

// What an old leader had proposed is kept by its successor, or it is not.
void SimulatedLog::drop_or_land() {
  if (proposal_ && world_.maybe(0.5))
    land();
  else
    proposal_.reset();
}

std::optional<Position> SimulatedLog::end(unsigned side) const {
  if (side == 1) {
    if (!cut_off_ || world_.now() >= cut_off_->answers_until) return std::nullopt;
    return cut_off_->end;
  }
  if (!has_leader_ || (without_majority_ && world_.now() >= *without_majority_))
    return std::nullopt;
  return last();
}

std::optional<std::optional<StoredCommit>> SimulatedLog::read(unsigned side,
                                                              Position position) const {
  const auto until = end(side);
  if (!until) return std::nullopt;
  if (position > *until) return std::optional<StoredCommit>();
  return at(position);
}

Position SimulatedLog::readable(unsigned side) const {
  if (side == 1) return cut_off_ ? cut_off_->end : Position{};
  return last();
}

void SimulatedLog::elect_after(Time time) {
  has_leader_ = false;
  world_.after(time, [this, number = ++elections_] {
    if (number != elections_) return;
    drop_or_land();
    has_leader_ = true;
    world_.note([] { return std::string("the log has a leader again"); });
  });
}

void SimulatedLog::lose_leader() {
  world_.note([] { return std::string("the log's leader dies"); });
  elect_after(options_.replicas == 1 ? world_.between(100ms, 4s)
                                     : world_.between(election_from, election_to));
}

void SimulatedLog::change_leader() {
  if (!has_leader_ || without_majority_) return;
  world_.note([] { return std::string("the log changes its leader"); });
  elect_after(world_.between(10ms, 50ms));
}

void SimulatedLog::lose_majority() {
  world_.note([] { return std::string("two of three are away"); });
  without_majority_ = world_.now() + world_.between(0s, answers_at_most);
}

void SimulatedLog::cut_off_leader() {
  world_.note([] { return std::string("the log's leader is cut off, with side 1"); });
  proposal_.reset();
  cut_off_ =
      CutOff{.end = last(), .answers_until = world_.now() + world_.between(1s, answers_at_most)};
  elect_after(world_.between(election_from, election_to));
}

void SimulatedLog::mend() {
  if (std::exchange(without_majority_, std::nullopt)) drop_or_land();
  cut_off_.reset();
}

void SimulatedLog::be_good() {
  options_ = {.replicas = options_.replicas};
}

}  // namespace jangbu::simulation
