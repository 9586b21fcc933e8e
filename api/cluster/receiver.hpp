// The active instance's ear for commands that others forward to it: `<stream>.forward.<term>`. Each
// request is served as if a client had sent it here, and the answer goes back: with the others of
// its message, or soon without those that take longer.
//
// A message is taken once, whoever sends it again: who sealed it gave it a number, and the numbers
// that were taken are known (a window of 64 for each sender, as in RFC 4303, section 3.4.3), for
// longer than a message is believed to be new. A new term knows nothing of the last one's, but no
// message of the last one opens in it.
//
// While this instance is not active in the term that a message names, the answer is that nothing
// was done. It goes on listening in its last term until it is active in another one, so that
// whoever did not hear of the end is told.
//
// Threads: standing_changed() from any; requests are served on a thread of cnats, and must not
// block it; answers are made, from what handlers leave, and sent on one of its own. Ownership: the
// connection and what serves outlive it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <variant>
#include <vector>

#include "api/cluster/forwarding_format.hpp"
#include "api/http/exchange.hpp"
#include "commands/peers.hpp"
#include "events/measures.hpp"
#include "events/values.hpp"

namespace jangbu {
class NatsConnection;
}

namespace jangbu::cluster {

// Which messages were taken in this term.
class TakenMessages {
 public:
  static constexpr std::int64_t believed_ms = 30'000;  // a message is new, on either clock
  static constexpr std::size_t most_senders = 1'000;   // that were heard within that time

  // Whether to take this message: not if it was taken before, or may have been, for all that is
  // known. `now` is the wall clock's.
  bool take(std::string_view sender, std::uint64_t number, Timestamp now);
  // Whether it was taken, or may have been.
  bool has(std::string_view sender, std::uint64_t number) const;

 private:
  static constexpr std::uint64_t window_size = 64;

  struct Window {
    std::uint64_t last = 0;   // the highest number taken
    std::uint64_t taken = 0;  // bit i: the number `last` - i was
    Timestamp heard;
  };
  std::map<std::string, Window, std::less<>> senders_;
};

// What is to be done with a message, as a state machine without threads.
class ReceiverMachine {
 public:
  struct Undone {
    std::string answer;  // to be sealed and sent
  };
  struct Ignored {};  // a stranger's, or not for the first time
  using Verdict = std::variant<Message, Undone, Ignored>;

  // `bytes`: of a message that was sealed for this term.
  Verdict receive(const Standing& standing, Position term, std::string_view sender,
                  std::uint64_t number, std::string_view bytes, Timestamp now);

 private:
  Position term_;
  TakenMessages taken_;
};

class Receiver {
 public:
  struct Options {
    std::string subjects;  // where they begin: the stream's name in lower case
    std::string secret;
    // How long an answer waits for the others of its message: a turn of the writer, which answers
    // most of them together, takes about as long.
    std::chrono::milliseconds together_within{2};
  };
  struct Received {
    ForwardedRequest request;
    http::Exchange exchange;
  };
  // Gets all of one message. REQUIRES: it does not throw.
  using Serve = std::function<void(std::vector<Received>&&)>;

  Receiver(NatsConnection& connection, Options options, std::function<Standing()> standing,
           Serve serve);
  ~Receiver();
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;

  // Call it when what the standing says has changed.
  void standing_changed();

  std::uint64_t requests() const;  // that were served

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace jangbu::cluster
