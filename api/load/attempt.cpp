#include "api/load/attempt.hpp"

namespace jangbu::load {

Outcome outcome_of(long status, std::string_view code, std::uint64_t times_sent) {
  if (status == 201 || status == 200) return Outcome::purchased;
  // Those whose code is neither were turned away before anything was done.
  const bool left_open = status == 0 ? times_sent > 0
                                     : code == "outcome-unknown" || status == 500 ||
                                           code == "idempotency-key-in-flight";
  if (left_open) return Outcome::unknown;
  const bool decided = status == 404 || status == 409 || status == 422;
  return decided || times_sent <= 1 ? Outcome::refused : Outcome::unknown;
}

}  // namespace jangbu::load
