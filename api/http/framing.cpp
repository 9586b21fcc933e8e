#include "api/http/framing.hpp"

#include <algorithm>
#include <optional>

#include "api/http/ascii.hpp"
#include "api/http/problem_types.hpp"

namespace jangbu::http {
namespace {

constexpr Refusal malformed(std::string_view detail) {
  return {problems::malformed_request, detail};
}

constexpr Refusal head_too_large = {problems::head_too_large,
                                    "The request line and header fields are too large."};
constexpr Refusal target_too_long = {problems::target_too_long, "The request target is too long."};
constexpr Refusal transfer_coding_unknown = {
    problems::transfer_coding_not_implemented,
    "The only Transfer-Encoding this server accepts is chunked, once."};
constexpr Refusal expectation_failed = {problems::expectation_failed,
                                        "The only Expect this server supports is 100-continue."};
constexpr Refusal method_unknown = {problems::method_not_implemented,
                                    "This server does not know the request's method."};
constexpr Refusal version_unknown = {problems::http_version_not_supported,
                                     "This server speaks HTTP/1.1 and HTTP/1.0."};

// A set of ASCII characters: letters, digits and those named.
class CharSet {
 public:
  constexpr explicit CharSet(std::string_view marks) {
    for (int c = 0; c < 128; ++c) members_[c] = is_alphanumeric(static_cast<char>(c));
    for (const char mark : marks) members_[static_cast<unsigned char>(mark)] = true;
  }
  constexpr bool operator()(char c) const { return members_[static_cast<unsigned char>(c)]; }

 private:
  bool members_[256] = {};
};

constexpr CharSet is_token_char("!#$%&'*+-.^_`|~");  // RFC 9110, 5.6.2
// RFC 3986, 3.2.2 and 3.2.3; what matters is that a host cannot be mistaken for anything else.
constexpr CharSet is_host_char("-._~%!$&'()*+,;=:[]");

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

std::string_view trim(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

bool list_contains(std::string_view list, std::string_view word) {
  for (;;) {
    const std::size_t comma = list.find(',');
    if (equal_ignoring_case(trim(list.substr(0, comma)), word)) return true;
    if (comma == list.npos) return false;
    list.remove_prefix(comma + 1);
  }
}

std::optional<Method> method_named(std::string_view name) {
  for (const Method method : {Method::get, Method::post, Method::put, Method::patch,
                              Method::delete_, Method::head, Method::options})
    if (to_string(method) == name) return method;
  return std::nullopt;
}

// A server must accept the absolute-form "http://host/path" (RFC 9112, 3.2.2), https likewise.
// False: the target has no form that is accepted here.
bool read_target(std::string_view target, Head& head) {
  constexpr std::string_view mark = "://";
  const std::string_view scheme = target.substr(0, target.find(mark));
  if (equal_ignoring_case(scheme, "http") || equal_ignoring_case(scheme, "https")) {
    target.remove_prefix(std::min(scheme.size() + mark.size(), target.size()));
    const std::size_t end = std::min(target.find_first_of("/?"), target.size());
    if (end == 0 || !std::all_of(target.begin(), target.begin() + end, is_host_char)) return false;
    head.authority = target.substr(0, end);
    target.remove_prefix(end);
    head.target = target.starts_with('/') ? "" : "/";
  } else if (!target.starts_with('/') && !(target == "*" && head.method == Method::options)) {
    return false;
  }
  head.target += target;
  return true;
}

using Problem = std::optional<Refusal>;

Problem read_request_line(std::string_view line, const Limits& limits, Head& head) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == line.npos || first == last) return malformed("The request line is not valid.");
  const std::string_view name = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);

  if (!is_token(name)) return malformed("The request's method is not valid.");
  if (version.size() != 8 || !version.starts_with("HTTP/") || !is_digit(version[5]) ||
      version[6] != '.' || !is_digit(version[7]))
    return malformed("The request's HTTP version is not valid.");
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return version_unknown;
  if (target.size() > limits.target_bytes) return target_too_long;
  // UTF-8 bytes that a client forgot to encode are harmless; a fragment is never sent.
  const auto is_bad = [](char c) { return is_control(c) || c == ' ' || c == '#'; };
  if (std::any_of(target.begin(), target.end(), is_bad))
    return malformed("The request target has a character that must be encoded.");

  const auto method = method_named(name);
  if (!method) return method_unknown;
  head.method = *method;
  if (!read_target(target, head)) return malformed("The request target must begin with '/'.");
  head.http_1_0 = version == "HTTP/1.0";
  return {};
}

// What has been seen of the fields that decide what happens to the connection.
struct Seen {
  bool close = false;
  bool keep_alive = false;
  bool host = false;
  bool content_length = false;
  bool transfer_encoding = false;
  bool unknown_expectation = false;
};

Problem read_content_length(std::string_view value, const Limits& limits, Head& head) {
  if (value.empty() || !std::all_of(value.begin(), value.end(), is_digit))
    return malformed("Content-Length is not a number.");
  for (const char digit : value) {
    head.body_size = head.body_size * 10 + static_cast<std::size_t>(digit - '0');
    if (head.body_size > std::max(limits.body_bytes, limits.streamed_body_bytes))
      return body_too_large;
  }
  return {};
}

Problem read_field(std::string_view line, const Limits& limits, Head& head, Seen& seen) {
  const std::size_t colon = line.find(':');
  const std::string_view name = line.substr(0, colon);
  // This also refuses "Content-Length :" and folded lines, which begin with a blank.
  if (colon == line.npos || !is_token(name)) return malformed("A header field is not valid.");
  const std::string_view value = trim(line.substr(colon + 1));
  if (std::any_of(value.begin(), value.end(), [](char c) { return is_control(c) && c != '\t'; }))
    return malformed("A header field has a control character.");

  if (equal_ignoring_case(name, "host")) {
    if (seen.host) return malformed("There is more than one Host field.");
    if (!std::all_of(value.begin(), value.end(), is_host_char))
      return malformed("The Host field is not valid.");
    seen.host = true;
  } else if (equal_ignoring_case(name, "content-length")) {
    if (seen.content_length) return malformed("There is more than one Content-Length.");
    seen.content_length = true;
    if (auto refused = read_content_length(value, limits, head)) return refused;
  } else if (equal_ignoring_case(name, "transfer-encoding")) {
    if (seen.transfer_encoding) return malformed("There is more than one Transfer-Encoding.");
    seen.transfer_encoding = true;
    head.chunked = equal_ignoring_case(value, "chunked");
  } else if (equal_ignoring_case(name, "connection")) {
    seen.close = seen.close || list_contains(value, "close");
    seen.keep_alive = seen.keep_alive || list_contains(value, "keep-alive");
  } else if (equal_ignoring_case(name, "expect") && !head.http_1_0) {
    if (equal_ignoring_case(value, "100-continue"))
      head.expects_100 = true;
    else
      seen.unknown_expectation = true;
  }
  head.headers.add(name, value);
  return {};
}

bool first_line_too_long(std::string_view bytes, const Limits& limits) {
  constexpr std::size_t longest_method_and_version = 64;
  return std::min(bytes.find('\n'), bytes.size()) >
         limits.target_bytes + longest_method_and_version;
}

// An incomplete head may already be hopeless: waiting for the rest would only tie up a connection,
// or make the client wait for the time-out.
std::variant<Incomplete, Head, Refusal> judge_incomplete(std::string_view bytes,
                                                         const Limits& limits) {
  if (!bytes.empty() && bytes != "\r" && !is_token_char(bytes.front()))
    return malformed("The request line is not valid.");
  if (first_line_too_long(bytes, limits)) return target_too_long;
  if (bytes.size() > limits.head_bytes) return head_too_large;
  return Incomplete{};
}

// A chunk's size and extensions. Sizes have at most 16 digits; extensions are rare and short.
constexpr std::size_t size_line_bytes = 256;
constexpr std::size_t size_digits = 16;

constexpr Refusal bad_chunk = malformed("A chunk of the body is not valid.");
constexpr Refusal bad_trailer = malformed("A trailer field is not valid.");

bool is_text(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return is_control(c) && c != '\t'; });
}

}  // namespace

std::variant<Incomplete, Head, Refusal> read_head(std::string_view bytes, const Limits& limits) {
  // One empty line before a request is ignored (RFC 9112, 2.2).
  const std::size_t skipped = bytes.starts_with("\r\n") ? 2 : 0;
  std::string_view rest = bytes.substr(skipped);

  // Find the end first, so that a head arriving in small pieces is not parsed again with each one.
  std::size_t end = rest.npos;
  std::size_t lines = 0;
  for (std::size_t at = 0, feed; (feed = rest.find('\n', at)) != rest.npos; at = feed + 1) {
    if (feed == 0 || rest[feed - 1] != '\r') return malformed("A line must end with CR and LF.");
    if (feed == at + 1) {
      end = feed + 1;
      break;
    }
    ++lines;
  }
  if (end == rest.npos) return judge_incomplete(rest, limits);
  if (lines == 0) return malformed("The request line is not valid.");
  if (first_line_too_long(rest, limits)) return target_too_long;
  if (end > limits.head_bytes || lines - 1 > limits.header_count) return head_too_large;

  Head head;
  Seen seen;
  head.size = skipped + end;
  head.headers.reserve(lines - 1, end);
  for (std::size_t i = 0; i < lines; ++i) {
    const std::size_t line_end = rest.find('\r');
    const std::string_view line = rest.substr(0, line_end);
    if (rest[line_end + 1] != '\n') return malformed("A line has a control character.");
    const Problem refused =
        i == 0 ? read_request_line(line, limits, head) : read_field(line, limits, head, seen);
    if (refused) return *refused;
    rest.remove_prefix(line_end + 2);
  }
  if (!seen.host && !head.http_1_0) return malformed("The Host field is missing.");
  if (seen.transfer_encoding && (seen.content_length || head.http_1_0))
    return malformed("Transfer-Encoding is not allowed here.");
  if (seen.transfer_encoding && !head.chunked) return transfer_coding_unknown;
  if (seen.unknown_expectation) return expectation_failed;
  head.keep_alive = !seen.close && (!head.http_1_0 || seen.keep_alive);
  return head;
}

BodyReader::BodyReader(const Head& head, std::size_t most, const Limits& limits)
    : part_(head.chunked         ? Part::size_line
            : head.body_size > 0 ? Part::content
                                 : Part::done),
      left_(head.body_size),
      room_(most),
      trailer_(limits.head_bytes) {}

std::optional<Refusal> BodyReader::read(std::string& input, std::string& body) {
  std::string_view rest = input;
  std::optional<Refusal> refused;
  const auto take_line = [&](std::size_t most,
                             Refusal otherwise) -> std::optional<std::string_view> {
    const std::size_t feed = rest.find('\n');
    if (std::min(feed, rest.size()) > most ||
        (feed != rest.npos && (feed == 0 || rest[feed - 1] != '\r')))
      refused = otherwise;
    if (refused || feed == rest.npos) return std::nullopt;
    const std::string_view line = rest.substr(0, feed - 1);
    rest.remove_prefix(feed + 1);
    return line;
  };
  for (bool moves = true; moves && !refused && part_ != Part::done;) {
    moves = false;
    switch (part_) {
      case Part::content:
      case Part::data: {
        const std::size_t size = std::min(left_, rest.size());
        body.append(rest.substr(0, size));
        rest.remove_prefix(size);
        left_ -= size;
        room_ -= size;
        moves = left_ == 0;
        if (moves) part_ = part_ == Part::content ? Part::done : Part::data_end;
        break;
      }
      case Part::data_end:
        if (!std::string_view("\r\n").starts_with(rest.substr(0, 2))) refused = bad_chunk;
        moves = !refused && rest.size() >= 2;
        if (!moves) break;
        rest.remove_prefix(2);
        part_ = Part::size_line;
        break;
      case Part::size_line:
        if (!rest.empty() && !hex_value(rest.front())) refused = bad_chunk;
        if (refused) break;
        if (const auto line = take_line(size_line_bytes, bad_chunk)) {
          refused = read_size(*line);
          moves = true;
        }
        break;
      case Part::trailer:
        if (const auto line = take_line(trailer_, bad_trailer)) {
          refused = read_trailer(*line);
          moves = true;
        }
        break;
      case Part::done:
        break;
    }
  }
  input.erase(0, input.size() - rest.size());
  return refused;
}

bool BodyReader::needs_more_than(std::string input) const {
  BodyReader ahead = *this;
  std::string body;
  return !ahead.read(input, body) && !ahead.done();
}

std::optional<Refusal> BodyReader::read_size(std::string_view line) {
  const std::size_t digits = std::min(line.find(';'), line.size());
  if (digits == 0 || digits > size_digits || !is_text(line)) return bad_chunk;
  left_ = 0;
  for (const char c : line.substr(0, digits)) {
    const auto value = hex_value(c);
    if (!value) return bad_chunk;
    left_ = left_ * 16 + *value;
  }
  if (!fits()) return body_too_large;
  part_ = left_ > 0 ? Part::data : Part::trailer;
  return {};
}

std::optional<Refusal> BodyReader::read_trailer(std::string_view line) {
  if (line.empty()) {
    part_ = Part::done;
    return {};
  }
  const std::size_t colon = line.find(':');
  if (colon == line.npos || !is_token(line.substr(0, colon)) || !is_text(line.substr(colon + 1)))
    return bad_trailer;
  trailer_ -= std::min(trailer_, line.size() + 2);
  return {};
}

}  // namespace jangbu::http
