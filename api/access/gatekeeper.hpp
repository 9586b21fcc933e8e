// The door of all services: who makes a request, and whether they may use the operation.
//
// Threads: any; admit() is called on HTTP workers, and never waits. Ownership: keys and tokens
// outlive it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/access/client_address.hpp"
#include "api/access/grant.hpp"
#include "api/access/limiter.hpp"
#include "api/access/policy.hpp"
#include "api/http/exchange.hpp"
#include "api/http/message.hpp"
#include "events/measures.hpp"

namespace jangbu::access {

class AccessKeys;
class Tokens;

class Gatekeeper {
 public:
  struct Options {
    // Of each principal that has no other, or of each address while nobody is known; 0: no limit.
    Rate rate = {};
    // Credentials of one address that were not good: for a while more of them get 429, and no
    // signature of there is verified. Access keys, and tokens that were
    // found good a moment ago, pass even so: nobody is locked out by others behind the same
    // address.
    Rate failures{.per_second = 1, .burst = 100};
    TrustedProxies proxies = {};
    std::vector<std::string> issuers = {};  // URLs of the providers, for those who want to log in
  };

  // Why requests were turned away.
  enum class Refused { no_credential, bad_credential, no_provider, wrong_role, too_many };
  static constexpr std::size_t refused_count = 5;

  // Without keys and tokens (null) access control is off, and everybody may do everything.
  Gatekeeper(const AccessKeys* keys, Tokens* tokens, Options options);
  Gatekeeper() : Gatekeeper(nullptr, nullptr, {}) {}

  bool is_on() const { return keys_ || tokens_; }
  const std::vector<std::string>& issuers() const { return options_.issuers; }

  // Who asks, in those of their roles that the operation is for: somebody who is a buyer and an
  // auditor buys as a buyer, and sees no more for it. Notes who it is in the exchange, for the
  // access log. Throws Problem: 401, 403, 429, 503.
  std::shared_ptr<const Grant> admit(const http::Request& request, const http::Exchange& exchange,
                                     const Permission& permission);

  std::uint64_t refused(Refused why) const {
    return refused_[static_cast<std::size_t>(why)].value();
  }

 private:
  std::shared_ptr<const Grant> identify(const http::Request& request,
                                        const http::Exchange& exchange);
  std::string_view require_bearer(const http::Request& request, const http::Exchange& exchange);
  Credential check(std::string_view bearer) const;
  void require_room(const Limiter::Answer& answer, const http::Exchange& exchange,
                    std::string_view who);
  void refuse(Refused why, const http::Exchange& exchange, std::string_view who,
              std::string_view reason);

  const AccessKeys* const keys_;
  Tokens* const tokens_;
  const Options options_;
  Limiter requests_, failures_;
  std::array<Counter, refused_count> refused_;
};

// "no-credential"
std::string_view to_string(Gatekeeper::Refused why);

}  // namespace jangbu::access
