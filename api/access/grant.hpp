// What a credential gives its bearer: who that is, and for how long.
//
// Threads: constants, shared; `withdrawn` is set by whoever took the credential back.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "commands/principal.hpp"
#include "events/values.hpp"

namespace jangbu::access {

// Requests a principal may make: a token bucket.
struct Rate {
  double per_second = 0;  // 0: no limit
  double burst = 0;

  friend bool operator==(const Rate&, const Rate&) = default;
};

struct Grant {
  Asker asker;
  std::optional<Timestamp> until;                      // a token's `exp`
  std::optional<Rate> rate;                            // instead of the one for everybody
  std::shared_ptr<const std::atomic<bool>> withdrawn;  // null: cannot be

  bool holds(Timestamp now) const {
    return (!until || now < *until) && !(withdrawn && withdrawn->load());
  }
};

// Why a credential was not accepted. `detail` goes to the client and never repeats the credential.
struct Denied {
  enum class Why {
    invalid,      // 401, invalid_token
    unavailable,  // 503: the provider's keys are not known at the moment
  };
  Why why = Why::invalid;
  std::string_view reason;  // one of a few words, for metrics and logs: "expired"
  std::string detail;
};

using Credential = std::variant<std::shared_ptr<const Grant>, Denied>;

// The first 16 bytes of the SHA-256 of issuer, line feed and subject. Events hold it, so the way it
// is made must not change. Of an access key the issuer is "key", and its name the subject.
PrincipalId principal_id(std::string_view issuer, std::string_view subject);

// "carrier"
std::string_view to_string(Role role);
std::optional<Role> parse_role(std::string_view word);
// All of them, for people: "buyer, seller, …"
std::string role_words();

inline constexpr std::size_t longest_carrier = 100;  // characters of a carrier's code, as in a scan

}  // namespace jangbu::access
