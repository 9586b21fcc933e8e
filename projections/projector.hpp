// Follows the log and writes what happens into the read models in PostgreSQL.
//
// A batch of commits is folded in memory, written with a few bulk statements, and the checkpoints
// move with it, all in one transaction; the checkpoints move by compare-and-swap, so nothing is
// applied twice, whoever else projects into the same tables.
//
// Threads: a thread of its own, which the destructor stops after the batch it is at; status() from
// any thread. Ownership: the log must outlive it.
// Errors: while the log or the database is away it waits and goes on by itself. What cannot be
// mended by waiting (bytes it cannot decode, a lost end of the log, a value that PostgreSQL
// refuses) stops projection, not the process: state `failed`, with the reason.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>

#include "events/event_log.hpp"
#include "events/measures.hpp"
#include "events/values.hpp"
#include "infra/postgres/connection.hpp"
#include "projections/tables/read_model.hpp"
#include "projections/tables/registry.hpp"

namespace jangbu {

class Projector {
 public:
  struct Options {
    std::string conninfo;
    std::size_t batch_events = 2'000;  // a batch is full with so many, whole commits only
    std::chrono::milliseconds longest_pause{1'000};  // between tries while something is away
    std::span<const ReadModel* const> models = read_models();
  };

  enum class State { starting, following, waiting, failed };

  struct Status {
    State state = State::starting;
    Position position;       // that every read model has reached
    Position log_end;        // as last seen: the lag in commits is the difference
    Timestamp committed_at;  // of the commit at `position`; 0 when none was projected yet
    std::string last_error;  // why it waits or failed; stays until it goes on
  };

  struct Measures {
    Counter events;                                // that were written
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
  // Projects until something is away (throws Unavailable), wrong (anything else) or stop is asked.
  void follow(const std::stop_token& stop);
  void look_at_log_end();
  void try_look_at_log_end();
  void set(State state, std::string error = {});

  EventLog& log_;
  Options options_;
  mutable std::mutex mutex_;
  Status status_;
  Measures measures_;
  std::chrono::steady_clock::time_point log_end_seen_;
  std::jthread thread_;  // last: it uses everything above
};

std::string_view to_string(Projector::State state);

}  // namespace jangbu
