// Where a request begins and ends in the bytes of a connection: the strict reading of RFC 9112 on
// which everything else rests. A server that is lenient here runs an attacker's bytes as other
// clients' requests (request smuggling), so anything doubtful is refused and its connection closed.
//
// Pure: no I/O, no clock, no state. Fuzzed.
#pragma once

#include <cstddef>
#include <optional>
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
  std::string target;     // origin-form ("/path?query"); "*" only with OPTIONS
  std::string authority;  // from an absolute-form: "localhost:11001"
  Headers headers;
  std::size_t size = 0;       // bytes of the head, including the empty line at its end
  std::size_t body_size = 0;  // bytes of the body that follows; 0 if it is chunked
  bool chunked = false;       // the body comes in chunks, each with its size
  bool http_1_0 = false;      // the client cannot read chunks
  bool keep_alive = true;     // after the answer
  bool expects_100 = false;   // the client waits for "100 Continue" before it sends the body
};

struct Incomplete {};

// A request that is not accepted. The bytes after it mean nothing: answer, then close.
struct Refusal {
  ProblemType type;
  std::string_view detail;
};

inline constexpr Refusal body_too_large{problems::body_too_large,
                                        "The request body is larger than this server accepts."};

// Reads the head at the beginning of `bytes`. The body may be as large as the most permissive route
// accepts.
std::variant<Incomplete, Head, Refusal> read_head(std::string_view bytes, const Limits& limits);

// A request's body as its bytes arrive: of a known length, or in chunks (RFC 9112, 7.1). Chunk
// extensions and trailer fields must be well-formed, and are discarded.
class BodyReader {
 public:
  BodyReader() = default;  // for a request without a body

  // A body of more than `most` bytes is refused as soon as its length, or a chunk's size, says so.
  BodyReader(const Head& head, std::size_t most, const Limits& limits);

  // Moves the part of the body that `input` holds to the end of `body`. Whatever follows the body
  // stays in `input`, and so does an incomplete line. After a refusal the bytes mean nothing.
  std::optional<Refusal> read(std::string& input, std::string& body);

  // Whether `input` is well-formed but does not hold all that is left of the body.
  bool needs_more_than(std::string input) const;

  // Whether the size known so far is within the limit.
  bool fits() const { return left_ <= room_; }

  // Whether the whole body has been moved.
  bool done() const { return part_ == Part::done; }

 private:
  enum class Part { content, size_line, data, data_end, trailer, done };

  std::optional<Refusal> read_size(std::string_view line);
  std::optional<Refusal> read_trailer(std::string_view line);

  Part part_ = Part::done;
  std::size_t left_ = 0;     // bytes of the body, or of the chunk, still to come
  std::size_t room_ = 0;     // bytes the body may still have
  std::size_t trailer_ = 0;  // bytes the trailer fields may still have
};

}  // namespace jangbu::http
