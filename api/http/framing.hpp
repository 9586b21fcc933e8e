// Where a request begins and ends in the bytes of a connection: the strict reading of RFC 9112 on
// which everything else rests. A server that is liberal here runs attackers' bytes as requests of
// others (request smuggling), so whatever is doubtful is refused, and its connection closed.
//
// Pure: no I/O, no clock, no state. Fuzzed.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "api/http/limits.hpp"
#include "api/http/message.hpp"
#include "api/http/problem_types.hpp"

namespace jangbu::http {

// A request's head, complete and valid.
struct Head {
  Method method = Method::get;
  std::string target;  // origin-form ("/path?query"); "*" only with OPTIONS
  Headers headers;
  std::size_t size = 0;       // bytes of the head, the empty line at its end included
  std::size_t body_size = 0;  // bytes of the body that follows
  bool http_1_0 = false;      // the client cannot read chunks
  bool keep_alive = true;     // after the answer
  bool expects_100 = false;   // the client waits for "100 Continue" before it sends the body
};

struct Incomplete {};

// Not a request we take. The bytes after it mean nothing: answer, and close.
struct Refusal {
  ProblemType type;
  std::string_view detail;
};

inline constexpr Refusal body_too_large{problems::body_too_large,
                                        "The request body is larger than this server takes."};

// Reads the head at the beginning of `bytes`. The body may be as large as any route takes it.
std::variant<Incomplete, Head, Refusal> read_head(std::string_view bytes, const Limits& limits);

}  // namespace jangbu::http
