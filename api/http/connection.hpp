// One client's connection, as a Pistache peer.
//
// Threads: belongs to one worker; the two atomics are what other threads may touch. It is held by
// its transport while it is open, and by its pending answers, so that what arrives for it later
// finds it gone instead of finding somebody else.
#pragma once

#include <pistache/peer.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <string>

#include "api/http/framing.hpp"
#include "api/http/wire.hpp"

namespace jangbu::http {

using Clock = std::chrono::steady_clock;

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

class Connection final : public Pistache::Tcp::Peer {
 public:
  Connection(int descriptor, const Pistache::Address& address)
      : Peer(descriptor, address, nullptr) {}

  bool idle() const { return phase == Phase::receiving && input.empty() && !head; }

  Phase phase = Phase::receiving;
  Clock::time_point deadline;  // of the phase

  std::string input;         // received and not yet taken
  bool input_ended = false;  // the client has closed its side; it may still read
  std::optional<Head> head;  // taken from the input, waiting for its body
  WireForm form;             // of the answer that is due

  std::string output;  // not yet sent from `sent` on
  std::size_t sent = 0;

  bool watches_input = true;  // what epoll was told last
  bool watches_output = false;
  std::size_t discarded = 0;  // while lingering

  std::atomic<bool> gone = false;
  std::atomic<std::size_t> posted_bytes = 0;  // of a stream, in the mailbox
};

}  // namespace jangbu::http
