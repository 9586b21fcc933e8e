// One client's connection, as a Pistache peer.
//
// Threads: belongs to one worker; the atomics are what other threads may touch. It is held by
// its transport while it is open, and by its pending answers, so that what arrives for it later
// finds it gone instead of finding somebody else.
#pragma once

#include <pistache/peer.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "api/http/body_stream.hpp"
#include "api/http/framing.hpp"
#include "api/http/message.hpp"
#include "api/http/wire.hpp"

namespace jangbu::http {

using Clock = std::chrono::steady_clock;

inline constexpr auto never_expires = Clock::time_point::max();

// receiving ─► answering ─┬─► sending ─┬─► receiving     the next request
//     │                   └► streaming ┘   └► lingering   the last answer was sent
//     └───── refused ────────► sending ────────┘
enum class Phase {
  receiving,  // nothing, a part of a request, or a whole one
  answering,  // a handler has the request
  streaming,  // an answer without a known length is under way
  sending,    // the whole answer is known, not all of it is on its way
  lingering,  // our side is closed; what the client still sends is thrown away
};

struct Route;

// A request whose head was read: what is known of it before its body.
struct Announced {
  Request request;
  const Route* route = nullptr;  // null: there is none
  bool target_is_valid = true;
  std::string authority;  // of the target, if it names one
  BodyReader body;        // to Request::body, unless the route streams it
  bool expects_100 = false;
  WireForm form;  // of its answer
};

// A body that its handler takes in pieces. Belongs to the worker; handlers hold it as a name only.
struct IncomingBody {
  BodyReader reader;                           // of what was not handed over yet
  bool expects_100 = false;                    // the client waits for "100 Continue"
  BodyStream::Next next;                       // who waits for a piece, if anyone does
  Clock::time_point deadline = never_expires;  // of that piece
  Clock::duration patience{};                  // how long the next wait for one may take
  std::weak_ptr<PendingAnswer> answer;
};

// The request that is being read or answered, for those who count and log.
struct Serving {
  bool open = false;  // nothing was told of it yet
  std::optional<Method> method;
  const Route* route = nullptr;
  Clock::time_point began;
  std::string id;           // X-Request-Id, as it came or made
  std::string traceparent;  // kept only where somebody logs
  int status = 0;           // of the answer; 0: not begun
  std::size_t bytes = 0;
  bool replayed = false;
};

class Connection final : public Pistache::Tcp::Peer {
 public:
  Connection(int descriptor, const Pistache::Address& address)
      : Peer(descriptor, address, nullptr) {}

  bool idle() const { return phase == Phase::receiving && input.empty() && !announced; }
  bool is_late(Clock::time_point now) const {
    return now > deadline || (body && now > body->deadline);
  }

  Phase phase = Phase::receiving;
  Clock::time_point deadline;  // of the phase
  bool turned_away = false;    // one too many: its first request is not taken

  std::string input;                   // received and not yet taken
  std::optional<Announced> announced;  // taken from the input, waiting for its body
  std::shared_ptr<IncomingBody> body;  // of the request that is being answered, if it is streamed
  WireForm form;                       // of the answer that is due
  Serving serving;

  std::string output;  // not yet sent from `sent` on
  std::size_t sent = 0;
  std::size_t unsent() const { return output.size() - sent; }
  std::size_t stream_backlog_bytes = 0;  // of the answer under way: it is cut off beyond

  // What an idle connection needs no room for.
  void give_back_room() {
    constexpr std::size_t kept = 4 * kib;
    for (std::string* buffer : {&input, &output})
      if (buffer->empty() && buffer->capacity() > kept) std::string().swap(*buffer);
  }

  bool watches_input = true;  // what epoll was told last
  bool watches_output = false;
  std::size_t discarded = 0;  // while lingering

  std::atomic<bool> gone = false;
  std::atomic<bool> input_ended = false;      // the client has closed its side; it may still read
  std::atomic<std::size_t> posted_bytes = 0;  // of a stream, in the mailbox
  std::atomic<std::size_t> unread_bytes = 0;  // of a stream, unsent() as of the last piece or write
};

}  // namespace jangbu::http
