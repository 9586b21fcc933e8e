// Reads the shop's log, and its public stream, past the shop: the NATS protocol over a plain
// socket, and a commit's bytes by their specification (events/README.md). It shares no code with
// what it checks, so that a mistake is not made twice and unseen. Only what the checker asks about
// is kept; the framing is read strictly, to the last byte.
//
// Threads: pure functions. Errors: std::runtime_error.
// Sources: https://docs.nats.io/reference/reference-protocols/nats-protocol.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/faults/history.hpp"

namespace jangbu::test {

struct LogEvent {
  std::uint64_t position = 0;
  std::uint32_t index = 0;
  std::string type;
  std::string entity;
  bool keyed = false;
  std::string correlation;
  // What the types have of these:
  std::string text;         // name of an account opened or product listed, address line, status
  std::string address;      // of an account; of a purchase: where it goes
  std::string buyer;        // of a purchase
  std::vector<Line> lines;  // of a purchase
  std::int64_t total = 0;   // of a purchase
  std::int64_t price = 0;   // of a product
  std::int64_t stock = 0;   // of a product, as its event tells it
  std::int64_t change = 0;  // of its stock
  std::string scanned;      // what the carrier said; `text` is what the delivery became
};

struct LogCommit {
  std::uint64_t position = 0;
  std::string id;
  std::vector<LogEvent> events = {};  // none: a claim, or void
  std::string author = {};            // the id of the instance; empty if not told
  bool is_void = false;               // decided at another place than before this one
};

// The events of a commit of these bytes.
std::vector<LogEvent> read_events(std::uint64_t position, std::string_view payload);
// The commit of these headers, as NATS sends them, and bytes.
LogCommit read_commit(std::uint64_t position, const std::string& headers, std::string_view payload);

// All of them, from the nats-server on this loopback port.
std::vector<LogCommit> read_log(int port, const std::string& stream = "SHOP");

// An event as other teams get it: a CloudEvent.
struct PublicEvent {
  std::string id;       // <position>.<index>
  std::string subject;  // of its message
  std::string commit;   // the id of the commit that it was in
  std::string entity;   // its own subject: purchase/<id>
  std::string order;    // its attribute `sequence`

  friend bool operator==(const PublicEvent&, const PublicEvent&) = default;
};

// All of them, in the stream's order.
std::vector<PublicEvent> read_public(int port, const std::string& stream = "SHOP_PUBLIC");

// How many messages a stream has ever had; 0 when there is none.
std::uint64_t last_sequence(int port, const std::string& stream);

}  // namespace jangbu::test
