// Follows the log and appends its public events to the stream that other teams read: each once, in
// the order of the log.
//
// No table says how far it has come: the last message does, and every append is fenced on the
// sequence of that message. When an acknowledgement is lost, the last message is read again, and
// publishing goes on with the event after it. Of several publishers the fence lets one append; a
// loser stands by, and takes over once the stream has stood still although the log went on.
//
// Messages leave the stream when they are old, or when it is nearly full, but never the last one.
// What a durable consumer has not read by then is counted, and logged.
//
// Threads: one of its own, which the destructor stops after the append it is at; status() and
// unread() from any thread. Ownership: the log must outlive it.
// Errors: while the log or the stream is away, the publisher waits and goes on by itself. What it
// cannot get over without a person (its place is lost, the log is shorter than the stream, an event
// that this build does not know) stops it, not the process: state `stopped`, with the reason and
// the remedy. It looks again every few seconds, so no restart is needed.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "api/publishing/public_event.hpp"
#include "events/event_log.hpp"
#include "events/measures.hpp"
#include "infra/eventlog/public_stream.hpp"
#include "infra/trouble.hpp"

namespace jangbu {

// <STREAM>_PUBLIC, beside the log in <STREAM>.
std::string public_stream_name(const std::string& log_stream);

// The event of the stream's last message, and the commit that it is of.
struct LastPublished {
  EventId id;
  CommitId commit;
};

// Throws Corrupt, with the remedy, when that message is gone, or is not a publisher's. REQUIRES: a
// stream that has had messages.
LastPublished read_last(PublicStream& stream, const PublicStream::State& state);

// What is wrong between the stream's last message and the log, in one sentence, or nothing. A
// stream that is ahead of the log, or speaks of another commit, means that the log's end was lost.
// Throws Unavailable when the log cannot be read.
std::optional<std::string> contradiction(const LastPublished& last, EventLog& log);

// What PublicStream::resume() leaves in a stream whose last message, which had this sequence, does
// not tell the place.
std::string resume_note(EventId from, std::uint64_t last);

class Publisher {
 public:
  struct Options {
    PublicStreamOptions stream;
    PublicView view;
    EventId from{{1}, 0};                       // where a new stream begins
    std::chrono::hours keep{30 * 24};           // how long messages stay
    std::chrono::milliseconds stand_by{2'000};  // how long the stream stands still before take-over
    std::chrono::milliseconds look_again{2'000};  // after what takes a person to mend
  };

  enum class State { starting, active, standby, waiting, stopped };

  struct Status {
    State state = State::starting;
    Position position;           // whose events, and all before, are in the stream
    Position log_end;            // as last seen
    std::uint64_t sequence = 0;  // of the stream's last message
    std::uint64_t bytes = 0;     // of the stream
    std::string reason;          // why it waits or has stopped
  };

  struct Measures {
    Counter events;                                 // published
    Histogram append_duration{bounds::latency_ns};  // of a batch
  };

  Publisher(EventLog& log, Options options);
  ~Publisher();
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  Status status() const;
  // How many messages were removed before a durable consumer had read them, by its name.
  std::map<std::string, std::uint64_t> unread() const;
  const Measures& measures() const { return measures_; }
  const Options& options() const { return options_; }

 private:
  struct Place {
    std::uint64_t sequence = 0;  // of the stream's last message
    EventId next;                // the first event that is not in the stream
  };
  class Batch;

  void run(const std::stop_token& stop);
  // Publishes until something is away (throws Unavailable) or wrong (throws anything else), another
  // publisher is at work, or a stop is requested.
  void publish(const std::stop_token& stop);
  bool stand_by(Place& place, const std::stop_token& stop);
  void follow(Place place, const std::stop_token& stop);
  // False when another publisher has appended.
  bool append(Batch& batch, Place& place, const std::stop_token& stop);
  std::chrono::milliseconds time_to_read(const Batch& batch) const;
  PublicStream& stream();
  Place find_place();
  void tidy_up(const std::stop_token& stop);
  void tidy_up_now(const std::stop_token& stop);
  std::uint64_t first_to_keep(const PublicStream::State& state, const std::stop_token& stop);
  void purge_before(std::uint64_t sequence);
  void look_at_log_end();
  void try_look_at_log_end();
  bool log_goes_on(const Place& place);
  void set(State state, std::string reason = {});
  void pause(std::chrono::milliseconds longest, const std::stop_token& stop);

  EventLog& log_;
  const Options options_;
  std::unique_ptr<PublicStream> stream_;
  // The sequence after which it is on this publisher to append: as its last append, or a stream
  // that stood still, left it.
  std::optional<std::uint64_t> ours_from_;
  bool in_doubt_ = false;  // whether our last append has landed
  std::string told_;       // why it has stopped, as logged
  std::chrono::steady_clock::time_point appended_at_{};
  std::chrono::steady_clock::time_point tidied_at_{};
  std::chrono::steady_clock::time_point log_end_seen_{};
  mutable std::mutex mutex_;
  Status status_;
  std::map<std::string, std::uint64_t> unread_;
  Measures measures_;
  Trouble trouble_{"publishing", std::chrono::seconds(2)};
  Trouble tidying_{"removing old public events"};
  std::mutex pausing_;
  std::condition_variable_any stopped_;
  std::jthread thread_;  // last: it uses everything above
};

std::string_view to_string(Publisher::State state);

// At work, or ready to be.
bool is_up(Publisher::State state);

}  // namespace jangbu
