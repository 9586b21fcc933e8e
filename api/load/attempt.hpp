// What became of an attempted purchase, as far as its client was told.
//
// Threads: plain values and pure functions.
#pragma once

#include <cstdint>
#include <string_view>

#include "events/values.hpp"

namespace jangbu::loadgen {

enum class Outcome : std::uint8_t {
  unknown,    // no answer yet, or one that leaves it open
  purchased,  // acknowledged
  refused,    // not executed
};

// Kept small: a run holds millions of them.
struct Attempt {
  std::uint32_t product = 0;
  Outcome outcome = Outcome::unknown;
  bool uncertain = false;  // at some point: it may have been sent more than once
  std::uint16_t times_sent = 0;
  std::uint64_t position{};  // in the log, if acknowledged
  PurchaseId purchase = {};  // likewise
};

// What an answer says about its purchase. `status` 0: no answer came. `times_sent`: how many
// requests have gone out under the purchase's key so far. When there was more than one, the earlier
// ones may still be in flight, and only a decision settles the outcome.
Outcome outcome_of(long status, std::string_view code, std::uint64_t times_sent);

}  // namespace jangbu::loadgen
