// What an instance that is not active does with commands: it sends them to the one that is. This is
// the protocol by itself, without threads, clock or network: time and messages are handed in.
//
// Requests gather while the last message is on its way, and go in one, which names the term it is
// for. A message is on its way until its first answer is here, or for a while: one slow answer must
// not hold back others. There is one at a time, since what a message costs, at both ends and in
// NATS, hardly depends on how many requests are in it.
//
// What is known to be undone (nobody was there, or who was there is not active in that term) waits
// for somebody who is active, up to its deadline. What may have been done is never sent again: if
// its answer does not come, its outcome is unknown. That is told soon once another term has begun.
//
// Threads: not thread-safe. Every member takes the time, which never goes back.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/cluster/forwarding_format.hpp"
#include "api/http/message.hpp"
#include "commands/peers.hpp"
#include "events/values.hpp"

namespace jangbu::cluster {

class ForwarderMachine {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::steady_clock::duration;

  struct Options {
    std::size_t message_bytes = std::size_t{512} << 10;  // NATS takes 1 MB by default
    std::size_t most_bytes = std::size_t{32} << 20;      // of requests that have no answer yet
    std::chrono::milliseconds turn{5};                   // a message is on its way, at most
    std::chrono::milliseconds pause{50};        // before an instance that was not active is asked
                                                // again
    std::chrono::milliseconds deadline{5'000};  // to be sent
    // From there to be answered: later than the writer's own deadline, whose answer says more.
    std::chrono::milliseconds answer_deadline{5'500};
    std::chrono::milliseconds after_its_term{200};  // to be answered, once another is active
  };

  // What came of a request.
  enum class Outcome {
    answered,
    overloaded,  // there was no room for it, or it could not be sent in time: nothing was done
    not_active,  // nobody was active in time: nothing was done
    refused,     // by an instance that we cannot talk to: nothing was done
    unknown,     // sent, and not answered in time
    abandoned,   // its client left before it was sent
  };
  static constexpr std::size_t outcome_count = 6;

  struct Request {
    std::string item;  // as request_item() makes it
    std::function<void(http::Response)> answer;
    std::function<bool()> wanted;  // whether its client is still there
  };
  struct Done {
    std::function<void(http::Response)> answer;
    http::Response response;
    Outcome outcome;
    Duration took;
  };
  struct Outgoing {
    Position term;
    std::uint64_t number;  // of this message, counted from 1
    std::string bytes;
  };

  explicit ForwarderMachine(Options options) : options_(options) {}
  ForwarderMachine() : ForwarderMachine(Options{}) {}

  // --- What happens ------------------------------------------------------------------------------

  void submit(Request request, Time now);
  void set_standing(const Standing& standing, Time now);
  // An answer to this message arrived.
  void answered(std::uint64_t number, const Message& answer, Time now);
  // The message was not taken: nothing that is in it was done.
  void not_taken(std::uint64_t number, Time now);
  // Likewise, and it makes no sense to send it again.
  void refused(std::uint64_t number, const http::Response& why, Time now);
  // What is due by now.
  void tick(Time now);

  // --- What to do --------------------------------------------------------------------------------

  // The next message to send, if any. `at` is the wall clock's.
  std::optional<Outgoing> next(Time now, Timestamp at);
  // Answers that are to be given; each request is among them once.
  std::vector<Done> take_done();
  // When to call tick(), next() and take_done() at the latest; any other call may change it.
  Time wake_at() const;

  std::size_t bytes() const { return bytes_; }
  std::size_t waiting() const { return queue_.size(); }

 private:
  struct Waiting {
    Request request;
    Time since;
    Time deadline;
  };
  struct Sent {
    Position term;
    Time deadline;
    std::vector<std::optional<Waiting>> requests;  // by number; those that are answered are gone
    std::size_t unanswered;
  };

  void arrived(std::uint64_t number);
  Time can_send_at() const;
  void finish(Waiting& waiting, Outcome outcome, http::Response response, Time now);
  const Options options_;
  Standing standing_;
  std::deque<Waiting> queue_;
  std::map<std::uint64_t, Sent> sent_;
  std::uint64_t last_number_ = 0;
  Time on_its_way_until_;  // the last message
  std::size_t bytes_ = 0;
  Position not_active_in_;             // the last term in which nobody took a message,
  Time hold_until_;                    // and until when none is sent there again
  Time first_deadline_ = Time::max();  // of the queue: no later than this
  std::vector<Done> done_;
};

}  // namespace jangbu::cluster
