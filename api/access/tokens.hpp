// Checks the bearer tokens of requests: access tokens of the issuers that the configuration names.
//
// Threads: check(), recall() and status() from any; the others from one at a time. Nobody waits for
// the network (provider.hpp).
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "api/access/grant.hpp"
#include "api/access/issuer.hpp"
#include "api/access/provider.hpp"
#include "api/access/remembered.hpp"

namespace jangbu::access {

class Tokens {
 public:
  struct Options {
    Provider::Options provider = {};
    std::chrono::seconds remembered_for{60};
    std::size_t most_remembered = 100'000;  // some 60 MB with all they give
  };

  explicit Tokens(std::vector<Issuer> issuers) : Tokens(std::move(issuers), Options{}) {}
  Tokens(std::vector<Issuer> issuers, Options options);

  // Denied is unavailable while the issuer's keys are not known, or are fetched again because of
  // the key that the token names: Retry-After 1.
  Credential check(std::string_view token, Timestamp now);

  // What check() gave this token a moment ago; null: nothing, or that is no longer remembered.
  std::shared_ptr<const Grant> recall(std::string_view token, Timestamp now) const;

  // From now on there are these issuers.
  void configure(std::vector<Issuer> issuers) { provider_.configure(std::move(issuers)); }

  std::vector<Provider::Status> status() const { return provider_.status(); }
  std::size_t remembered() const { return remembered_.size(); }

  // No more keys are fetched.
  void stop() { provider_.stop(); }

 private:
  const Options options_;
  RememberedTokens remembered_;
  Provider provider_;
};

}  // namespace jangbu::access
