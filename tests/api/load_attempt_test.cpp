// What an answer says of a purchase: only what is certain is called so.
#include "api/load/attempt.hpp"

#include <catch2/catch_test_macros.hpp>

namespace jangbu::loadgen {

TEST_CASE("A first answer settles a purchase unless it leaves it open") {
  const auto first = [](long status, std::string_view code) { return outcome_of(status, code, 1); };
  CHECK(first(201, "") == Outcome::purchased);
  CHECK(first(409, "insufficient-stock") == Outcome::refused);
  CHECK(first(404, "product-not-found") == Outcome::refused);
  CHECK(first(503, "overloaded") == Outcome::refused);
  CHECK(first(503, "not-ready") == Outcome::refused);
  CHECK(first(503, "too-many-connections") == Outcome::refused);
  CHECK(first(408, "request-timeout") == Outcome::refused);

  CHECK(first(503, "outcome-unknown") == Outcome::unknown);
  CHECK(first(500, "internal-error") == Outcome::unknown);
  // What was done could not be read back; and what proxies say.
  CHECK(first(503, "unavailable") == Outcome::unknown);
  CHECK(first(503, "status-503") == Outcome::unknown);
  CHECK(first(502, "status-502") == Outcome::unknown);
  CHECK(first(504, "status-504") == Outcome::unknown);
  CHECK(first(409, "idempotency-key-in-flight") == Outcome::unknown);
}

TEST_CASE("A request that was not answered may have been carried out, unless it was not sent") {
  CHECK(outcome_of(0, "not-connected", 1) == Outcome::unknown);
  CHECK(outcome_of(0, "not-connected", 0) == Outcome::refused);
}

TEST_CASE("When it is asked for again, only a decision settles it") {
  const auto again = [](long status, std::string_view code) { return outcome_of(status, code, 2); };
  CHECK(again(201, "") == Outcome::purchased);
  CHECK(again(409, "insufficient-stock") == Outcome::refused);

  CHECK(again(409, "idempotency-key-in-flight") == Outcome::unknown);
  CHECK(again(503, "overloaded") == Outcome::unknown);
  CHECK(again(503, "not-ready") == Outcome::unknown);
  CHECK(again(408, "request-timeout") == Outcome::unknown);
  CHECK(again(0, "not-connected") == Outcome::unknown);
  // The first was sent and not answered, and the second could not be sent.
  CHECK(outcome_of(0, "not-connected", 1) == Outcome::unknown);
}

}  // namespace jangbu::loadgen
