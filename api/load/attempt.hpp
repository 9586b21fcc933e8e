// What became of a purchase that was asked for, as far as its client was told.
//
// Threads: plain values and pure functions.
#pragma once

#include <cstdint>
#include <string_view>

#include "events/values.hpp"

namespace jangbu::load {

enum class Outcome : std::uint8_t {
  unknown,    // not answered yet, or in a way that leaves it open
  purchased,  // acknowledged
  refused,    // nothing was done
};

// There are millions of them.
struct Attempt {
  std::uint32_t product = 0;
  Outcome outcome = Outcome::unknown;
  bool repeated = false;     // its outcome was uncertain, and it was asked for again
  std::uint64_t position{};  // where it is in the log, if it was acknowledged
  PurchaseId purchase = {};  // likewise
};

// What an answer says of the purchase it was the answer to. `status` 0: none came; then `connected`
// tells whether the request may have been sent. `repeated`: one of the same key may be under way
// still, so that only a decision settles it.
Outcome outcome_of(long status, std::string_view code, bool connected, bool repeated);

}  // namespace jangbu::load
