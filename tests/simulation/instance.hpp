// One process of `jangbu serve`, as far as the protocol goes: the real WriterMachine,
// ForwarderMachine and ReceiverMachine, and around them what Writer, Forwarder and Receiver do on
// their threads. Each of these steps is an event of the world; a stalled process takes none, and
// all at once, in any order, when it goes on.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "api/cluster/forwarder_machine.hpp"
#include "api/cluster/receiver.hpp"
#include "commands/writer_machine.hpp"
#include "tests/simulation/checker.hpp"
#include "tests/simulation/network.hpp"
#include "tests/simulation/simulated_log.hpp"
#include "tests/simulation/world.hpp"

namespace jangbu::simulation {

class Instance : public std::enable_shared_from_this<Instance> {
 public:
  struct Clock {
    double rate = 1;             // of the steady clock
    std::int64_t offset_ms = 0;  // of the wall clock
  };
  struct Settings {
    std::size_t host = 0;
    Author author;
    Clock clock;
    std::string agreement;
    bool never_claim = false;
  };
  using Answer = std::function<void(const Outcome&)>;
  struct Surroundings {
    World& world;
    SimulatedLog& log;
    Network& network;
    std::function<Submission(const Try&)> submission;  // without time and answer
    std::deque<Outcome>& outcomes;                     // those that travel; responses name them
    std::uint64_t& ids;
    Time between_threads;  // how long one takes to wake another, usually
  };

  Instance(Surroundings around, Settings settings);

  void start(std::optional<Snapshot> snapshot);
  // A client's request is here.
  void ask(const Try& one, Answer answer);
  void hand_over();
  void terminate();  // hands over, and stops
  void kill();
  void stall(Time time);
  void go_on();

  bool is_alive() const { return is_alive_; }
  bool is_stopping() const { return is_alive_ && is_stopping_; }
  const WriterMachine& machine() const { return machine_; }
  const Settings& settings() const { return settings_; }

  // --- From others, by the network ---
  void on_question(const StandbyTells& tells, std::function<void(const ActiveTells&)> answer);
  void on_forwarded(Position term, const std::string& sender, std::uint64_t number,
                    const std::string& bytes, std::function<void(std::string)> answer);

 private:
  using MachineTime = WriterMachine::Time;
  using Respond = std::function<void(http::Response)>;

  MachineTime steady() const;
  Timestamp wall() const;
  std::string name() const { return settings_.author.name; }

  void post(std::function<void()> what);
  void later(Time delay, std::function<void()> what);
  void soon(std::function<void()> what);  // on another thread

  // As in Writer.
  void submit(const Try& one, Respond respond);
  void step();
  void publish();
  void wake();
  void end();
  void perform(const LogTask& task);
  void perform(const AppendTask& task, std::uint64_t number);
  void perform(const ReadTask& task, std::uint64_t number);
  void perform(const EndTask& task, std::uint64_t number);
  void finish(std::uint64_t number, LogResult result);
  void follow();
  void talk(const StandbyTells& tells);

  // As in Forwarder and Receiver.
  void standing_changed();
  void pump();
  void on_answer(std::uint64_t number, const std::string& bytes);

  const Surroundings around_;
  const Settings settings_;
  bool is_alive_ = true;
  bool is_stopping_ = false;
  bool is_stalled_ = false;
  std::uint64_t stalls_ = 0;
  std::vector<std::function<void()>> backlog_;

  WriterMachine machine_;
  std::deque<WaitingCommand> queue_;
  std::size_t queued_ = 0;
  std::set<KeyHash> keys_in_flight_;
  bool takes_commands_ = false;
  bool is_told_to_stop_ = false;
  bool is_listening_ = false;
  Standing standing_;
  Time wakes_at_{-1};
  std::uint64_t tasks_ = 0;
  bool is_performing_ = false;
  std::optional<AppendTask> appending_;
  Position seen_;
  std::uint64_t questions_ = 0;

  cluster::ForwarderMachine forwarder_;
  Time pumps_at_{-1};
  cluster::ReceiverMachine receiver_;
  Position received_term_;
  std::string forward_subject_;
};

}  // namespace jangbu::simulation
