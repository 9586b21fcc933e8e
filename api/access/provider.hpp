// The keys of all issuers, fetched on one thread: every ten minutes, and when a token names a key
// that is not known yet, at most once a minute. Old keys stay in use while an issuer cannot be
// reached, for a day.
//
// Threads: members from any, configure() and stop() from one at a time. Nobody but the thread of
// this object waits for the network; one issuer after another, so that one which does not answer
// can delay the others' keys by twice the timeout. Failures are logged, and tried again.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "api/access/fetch.hpp"
#include "api/access/issuer.hpp"
#include "api/access/jwks.hpp"
#include "events/values.hpp"

namespace jangbu::access {

// The keys that an issuer listed at one time. Constant.
struct KeySet {
  Jwks jwks;
  Timestamp good_until;  // afterwards they count for nothing
};
using KeySetPtr = std::shared_ptr<const KeySet>;

class Provider {
 public:
  struct Options {
    FetchLimits limits = {};
    std::chrono::milliseconds every = std::chrono::minutes(10);
    std::chrono::milliseconds between_asks = std::chrono::minutes(1);
    std::chrono::milliseconds keys_last = std::chrono::hours(24);
  };

  // Of an issuer, for metrics.
  struct Status {
    std::string name;                // of its table
    std::size_t keys = 0;            // that can be used
    std::optional<Timestamp> since;  // the keys were fetched; nothing: never
    std::uint64_t fetches = 0;       // begun
    std::uint64_t failures = 0;
    std::string trouble;  // why the last fetch failed; empty: it did not
  };

  Provider(Options options, std::vector<Issuer> issuers);
  ~Provider() { stop(); }
  Provider(const Provider&) = delete;
  Provider& operator=(const Provider&) = delete;

  // From now on there are these. Keys of an issuer that is still where it was stay, but what was
  // granted under a description that has changed is withdrawn.
  void configure(std::vector<Issuer> issuers);

  // Breaks off a fetch. Keys that were fetched can still be used.
  void stop();

  // An issuer and its keys at this moment; keys are null until they were fetched once.
  struct Found {
    std::shared_ptr<const Issuer> issuer;
    KeySetPtr keys;
  };
  // Nothing when no issuer has this URL.
  std::optional<Found> find(std::string_view url) const;

  // A token names a key that `seen` does not have. True while the keys are yet to be fetched again,
  // which this call causes if it is allowed: the answer is then not known. False: there is no such
  // key.
  bool ask(std::string_view url, const KeySetPtr& seen);

  std::vector<Status> status() const;

 private:
  struct Source;
  using SourcePtr = std::shared_ptr<Source>;
  using Clock = std::chrono::steady_clock;

  void run(const std::stop_token& stop);
  void fetch_keys(Source& source, const std::stop_token& stop);
  Jwks fetch_jwks(const Issuer& issuer, const std::stop_token& stop) const;
  SourcePtr next_source() const;
  SourcePtr find_source(std::string_view url) const;

  const Options options_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<SourcePtr> sources_;
  std::jthread thread_;  // last: it uses everything above
};

}  // namespace jangbu::access
