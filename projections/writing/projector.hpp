// Follows the log and writes its events into the read models in PostgreSQL.
//
// If several projectors share a database, one of them fills each generation; the others stand by,
// and take over as soon as PostgreSQL has seen its session end. A read model that has no generation
// of this build yet gets one from a replay, while the others go on.
//
// Threads: two of its own, one to follow the log and one to build, which the destructor stops after
// the batch they are at (a third helps to write a large one); status() from any thread. Ownership:
// the log must outlive it.
// Errors: while the log or the database is away, or refuses what it is asked, the projector waits
// and then goes on by itself; a table or a whole database that somebody dropped is rebuilt from the
// log. An event that does not fit a row parks that row (parked.hpp). What waiting cannot mend
// (bytes it cannot decode, a lost end of the log) stops projection, not the process: state
// `failed`, with the reason.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "events/event_log.hpp"
#include "events/measures.hpp"
#include "events/values.hpp"
#include "infra/postgres/connection.hpp"
#include "infra/trouble.hpp"
#include "projections/tables/read_model.hpp"
#include "projections/tables/registry.hpp"
#include "projections/writing/checkpoints.hpp"
#include "projections/writing/tracks.hpp"

namespace jangbu {

class Projector {
 public:
  struct Options {
    std::string conninfo;
    BatchSize batch = {.events = 2'000};  // whole commits only
    std::span<const ReadModel* const> models = read_models();
  };

  enum class State { starting, following, standby, waiting, failed };

  // One read model, as this build serves it.
  struct ReadModelStatus {
    std::string_view name;
    std::optional<Checkpoint> checkpoint;  // none: it is being built
    bool ours = false;                     // filled by this projector
  };

  struct Status {
    State state = State::starting;
    std::vector<ReadModelStatus> read_models;
    Position position;       // that every read model has reached
    Position log_end;        // as last seen: the lag in commits is the difference
    std::string last_error;  // why it waits or failed, for logs; stays until it goes on
    std::string reason;      // the same in words that clients may read
  };

  struct Measures {
    Counter events;                                // written
    Counter voids;                                 // commits passed over
    Histogram batch_duration{bounds::latency_ns};  // of the transaction that writes a batch
  };

  Projector(EventLog& log, Options options);
  ~Projector();
  Projector(const Projector&) = delete;
  Projector& operator=(const Projector&) = delete;

  Status status() const;
  const Measures& measures() const { return measures_; }

 private:
  void run(const std::stop_token& stop);
  void wait(const std::stop_token& stop, const char* error, const std::string& reason);
  // Builds what this build serves from, if missing, and tidies up; again after want_build().
  void build(const std::stop_token& stop);
  void want_build();
  // Projects until something is away (throws Unavailable) or wrong (throws anything else), or a
  // stop is requested.
  void follow(const std::stop_token& stop);
  // Projects what is ours to fill, until that changes.
  void follow(pg::Connection& connection, pg::Connection& second,
              std::vector<Tracks::Generation> ours, const std::stop_token& stop);
  // Whether every read model has a generation of this build.
  bool is_complete() const;
  // The generations that serve this build and that no other session fills.
  std::vector<Tracks::Generation> take_ours(pg::Connection& connection);
  void publish(const Tracks& tracks);
  void look_at_log_end();
  void try_look_at_log_end();
  void goes_on(State state);
  void set(State state, std::string error = {}, std::string reason = {});
  void pause(std::chrono::milliseconds longest, const std::stop_token& stop);

  EventLog& log_;
  Options options_;
  mutable std::mutex mutex_;
  Status status_;
  std::string build_error_;  // why the missing generations cannot be built; empty: they can
  Measures measures_;
  std::chrono::steady_clock::time_point log_end_seen_;
  std::vector<std::string> locks_;  // to fill, held by the connection
  Trouble trouble_{"projection"};   // the follower's
  std::mutex pausing_;              // guards the next three
  std::condition_variable_any stopped_;
  std::condition_variable_any build_wanted_;
  bool build_is_wanted_ = true;
  std::jthread follower_;  // these last: they use everything above
  std::jthread builder_;
};

std::string_view to_string(Projector::State state);

// At work, or ready to be.
bool is_up(Projector::State state);

}  // namespace jangbu
