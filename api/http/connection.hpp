// One client's connection, as a Pistache peer.
//
// Threads: belongs to one worker; other threads may touch only the atomics. Its transport holds it
// while it is open, and so do its pending answers, so that whatever arrives for it later finds it
// gone instead of finding another client.
#pragma once

#include <pistache/peer.h>

#include <atomic>
#include <chrono>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "api/http/body_stream.hpp"
#include "api/http/framing.hpp"
#include "api/http/ip_address.hpp"
#include "api/http/message.hpp"
#include "api/http/tls.hpp"
#include "api/http/wire.hpp"

namespace jangbu::http {

using Clock = std::chrono::steady_clock;

inline constexpr auto never_expires = Clock::time_point::max();

// receiving ─► answering ─┬─► sending ─┬─► receiving     the next request
//     │                   └► streaming ┘   └► lingering   the last answer was sent
//     └───── refused ────────► sending ────────┘
enum class Phase {
  receiving,  // no input, part of a request, or a whole one
  answering,  // a handler has the request
  streaming,  // an answer of unknown length is under way
  sending,    // the whole answer is known, but not all of it has been sent
  lingering,  // our side is closed; what the client still sends is discarded
};

struct Route;

// A request whose head has been read: what is known of it before its body.
struct Announced {
  Request request;
  const Route* route = nullptr;  // null: no route matches
  bool target_is_valid = true;
  std::string authority;  // from the target, if it names one
  BodyReader body;        // fills Request::body, unless the route streams it
  bool expects_100 = false;
  WireForm form;  // of the answer
};

// A body that its handler takes in pieces. Used only by the worker; handlers hold it as an opaque
// handle.
struct IncomingBody {
  BodyReader reader;                           // for what has not been handed over yet
  bool expects_100 = false;                    // the client waits for "100 Continue"
  BodyStream::Next next;                       // the callback waiting for a piece, if any
  Clock::time_point deadline = never_expires;  // for that piece
  Clock::duration patience{};                  // how long the next wait for a piece may take
  std::weak_ptr<PendingAnswer> answer;
};

// The request being read or answered, for the metrics and the access log.
struct Serving {
  bool open = false;  // begun, and not reported yet
  std::optional<Method> method;
  const Route* route = nullptr;
  Clock::time_point began;
  std::string id;           // X-Request-Id, as received or generated
  std::string traceparent;  // kept only if there is an access log
  int status = 0;           // of the answer; 0: not begun
  std::size_t bytes = 0;
  bool replayed = false;
  std::string asker;        // as the handler noted
  std::string_view denied;  // likewise
  bool forwarded = false;   // likewise
};

class Connection;
using Handshakes = std::list<std::shared_ptr<Connection>>;  // the longest first

class Connection final : public Pistache::Tcp::Peer {
 public:
  Connection(int descriptor, sockaddr* address)
      : Peer(descriptor, Pistache::Address::fromUnix(address), nullptr),
        remote(ip_address_of(*address)) {}

  bool idle() const { return phase == Phase::receiving && input.empty() && !announced; }
  bool is_late(Clock::time_point now) const {
    return now > deadline || (body && now > body->deadline);
  }

  const IpAddress remote;

  Phase phase = Phase::receiving;
  Clock::time_point deadline;  // of the phase
  bool turned_away = false;    // over the limit: its first request is refused

  std::unique_ptr<TlsSession> tls;                // null: plain HTTP,
  bool lacks_tls = false;                         // although it is wanted: nothing is answered
  std::optional<Handshakes::iterator> handshake;  // the one that has to end before anything else

  std::string input;                   // received but not yet consumed
  std::optional<Announced> announced;  // consumed from the input, waiting for its body
  std::shared_ptr<IncomingBody> body;  // of the request being answered, if it is streamed
  WireForm form;                       // of the answer due next
  Serving serving;

  std::string output;  // still to be sent from `sent` on
  std::size_t sent = 0;
  std::size_t unsent() const { return output.size() - sent; }
  std::size_t stream_backlog_bytes = 0;  // of the answer under way, which is cut off beyond it

  // Frees empty buffers that are larger than an idle connection needs.
  void give_back_room() {
    constexpr std::size_t kept = 4 * kib;
    for (std::string* buffer : {&input, &output})
      if (buffer->empty() && buffer->capacity() > kept) std::string().swap(*buffer);
  }

  bool watches_input = true;  // as last told to epoll
  bool watches_output = false;
  std::size_t discarded = 0;  // while lingering

  std::atomic<bool> gone = false;
  std::atomic<bool> input_ended = false;      // the client has closed its side; it may still read
  std::atomic<std::size_t> posted_bytes = 0;  // of a stream, still in the mailbox
  std::atomic<std::size_t> unread_bytes = 0;  // of a stream, unsent() at the last piece or write
};

}  // namespace jangbu::http
