#include "api/load/attempt.hpp"

#include "api/client/certainty.hpp"

namespace jangbu::loadgen {

Outcome outcome_of(long status, std::string_view code, std::uint64_t times_sent) {
  if (status == 201 || status == 200) return Outcome::purchased;
  if (status == 0 && times_sent == 0) return Outcome::refused;
  const Says said = says(status, code);
  const bool nothing_done = said == Says::decided || (said == Says::turned_away && times_sent <= 1);
  return nothing_done ? Outcome::refused : Outcome::unknown;
}

}  // namespace jangbu::loadgen
