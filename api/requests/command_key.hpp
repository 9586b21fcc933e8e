// What a request says about its command, besides the command itself: the idempotency key, and the
// trace it belongs to.
//
// Threads: pure functions. Errors: they throw Problem.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/http/message.hpp"
#include "api/requests/body.hpp"
#include "commands/principal.hpp"
#include "events/commit.hpp"

namespace jangbu {

// The hash of the key, and the hash of what the request means: operation, target and canonical
// body. Both are in the log, so the way they are made must not change (events/README.md).
struct KeyedRequest {
  CommandKey key;  // covers the asker, unless nobody is known
  // As made earlier: without the asker, and from the key with its quotation marks and the raw
  // bytes.
  std::vector<CommandKey> former;
};

// From the request's Idempotency-Key, which is validated; nullopt without one.
std::optional<KeyedRequest> keyed_request(const http::Request& request, const Principal& asker);

// The keys of a bulk import's rows, derived from the import's own. No request can have such a key.
class RowKeys {
 public:
  // nullopt if the request has no key.
  static std::optional<RowKeys> of(const http::Request& request, const Principal& asker);

  // `row` is the text that `body` was read from.
  KeyedRequest of_row(std::uint64_t line, std::string_view row, const Body& body) const;

 private:
  // The beginning of each row's key, and the target; each in its current and in its former form.
  std::string scope_, key_, former_key_;
  std::string target_, former_target_;
};

// The id by which to follow the request through the log: W3C traceparent, or else X-Request-Id;
// empty without a valid one of either.
std::string correlation_of(const http::Request& request);

}  // namespace jangbu
