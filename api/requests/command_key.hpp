// What a request says of the command in it, beside the command: its idempotency key, and the trace
// it belongs to.
//
// Threads: pure functions. Errors: they throw Problem.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "api/http/message.hpp"
#include "api/requests/body.hpp"
#include "events/commit.hpp"

namespace jangbu {

// The key's hash and that of what the request means: operation, target and canonical body. They are
// in the log, so how they are made stays as it is (events/README.md).
struct KeyedRequest {
  CommandKey key;
  CommandKey former;  // as it was before: of the key with its quotation marks, and of the bytes
};

// Of the request's Idempotency-Key, which is checked.
std::optional<KeyedRequest> keyed_request(const http::Request& request);

// The keys of the rows of a bulk import, made of its own. No request has such a key.
class RowKeys {
 public:
  // Nothing when the request has no key.
  static std::optional<RowKeys> of(const http::Request& request);

  // `row` is the text that `body` was read from.
  KeyedRequest of_row(std::uint64_t line, std::string_view row, const Body& body) const;

 private:
  // What a row's key begins with, and what it is for; each as it is now and as it was before.
  std::string key_, former_key_;
  std::string target_, former_target_;
};

// What the request calls itself, for whoever follows its trace through the log: W3C traceparent or
// X-Request-Id; empty without a valid one of either.
std::string correlation_of(const http::Request& request);

}  // namespace jangbu
