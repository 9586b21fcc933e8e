// What became of a purchase that was asked for, as far as its client was told.
//
// Threads: plain values and pure functions.
#pragma once

#include <cstdint>
#include <string_view>

#include "events/values.hpp"

namespace jangbu::loadgen {

enum class Outcome : std::uint8_t {
  unknown,    // not answered yet, or in a way that leaves it open
  purchased,  // acknowledged
  refused,    // nothing was done
};

// There are millions of them.
struct Attempt {
  std::uint32_t product = 0;
  Outcome outcome = Outcome::unknown;
  bool uncertain = false;  // at some time: it may have been asked for more than once
  std::uint16_t times_sent = 0;
  std::uint64_t position{};  // where it is in the log, if it was acknowledged
  PurchaseId purchase = {};  // likewise
};

// What an answer says of the purchase it was the answer to. `status` 0: none came. `times_sent`:
// the requests of that key that went out by then. Of more than one, those before the last may still
// be under way, and only a decision settles what becomes of them.
Outcome outcome_of(long status, std::string_view code, std::uint64_t times_sent);

}  // namespace jangbu::loadgen
