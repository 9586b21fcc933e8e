// Where a request begins and ends in the bytes of a connection: the strict reading of RFC 9112 on
// which everything else rests. A server that is liberal here runs attackers' bytes as requests of
// others (request smuggling), so whatever is doubtful is refused, and its connection closed.
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
  std::string authority;  // of an absolute-form: "localhost:11001"
  Headers headers;
  std::size_t size = 0;       // bytes of the head, the empty line at its end included
  std::size_t body_size = 0;  // bytes of the body that follows, unless it is
  bool chunked = false;       // in chunks, whose sizes come with them
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
                                        "The request body is larger than this server accepts."};

// Reads the head at the beginning of `bytes`. The body may be as large as any route takes it.
std::variant<Incomplete, Head, Refusal> read_head(std::string_view bytes, const Limits& limits);

// A request's body as its bytes arrive: of a known length, or in chunks (RFC 9112, 7.1). Chunk
// extensions and trailer fields must be well-formed, and are thrown away.
class BodyReader {
 public:
  BodyReader() = default;  // of a request without a body

  // A body of more than `most` bytes is refused as soon as its length, or a chunk's size, says so.
  BodyReader(const Head& head, std::size_t most, const Limits& limits);

  // Moves what `input` holds of the body to the end of `body`. What follows the body stays, and so
  // does a line that is not complete yet. After a refusal the bytes mean nothing.
  std::optional<Refusal> read(std::string& input, std::string& body);

  // Whether what `input` holds is well-formed, but not all that is left of the body.
  bool needs_more_than(std::string input) const;

  // What is known of its size is no more than it may be.
  bool fits() const { return left_ <= room_; }

  // All of it was moved.
  bool done() const { return part_ == Part::done; }

 private:
  enum class Part { content, size_line, data, data_end, trailer, done };

  std::optional<Refusal> read_size(std::string_view line);
  std::optional<Refusal> read_trailer(std::string_view line);

  Part part_ = Part::done;
  std::size_t left_ = 0;     // bytes of the body, or of the chunk, that have not come yet
  std::size_t room_ = 0;     // bytes that it may still have
  std::size_t trailer_ = 0;  // bytes that trailer fields may still have
};

}  // namespace jangbu::http
