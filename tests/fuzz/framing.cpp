// A request's head and body: read the same however the bytes are cut, and never as two things at
// once.
#include "api/http/framing.hpp"

#include <algorithm>
#include <string>

#include "api/http/ascii.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace jangbu;
using namespace jangbu::http;

namespace {

// Small, so that inputs reach them.
const Limits limits{.head_bytes = 512,
                    .target_bytes = 64,
                    .header_count = 6,
                    .body_bytes = 100,
                    .streamed_body_bytes = 1000};

bool same(const Headers& a, const Headers& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (a[i].name != b[i].name || a[i].value != b[i].value) return false;
  return true;
}

// Everything but how many bytes it took.
bool same_request(const Head& a, const Head& b) {
  return a.method == b.method && a.target == b.target && same(a.headers, b.headers) &&
         a.authority == b.authority && a.body_size == b.body_size && a.chunked == b.chunked &&
         a.http_1_0 == b.http_1_0 && a.keep_alive == b.keep_alive && a.expects_100 == b.expects_100;
}

std::ptrdiff_t count_of(const Head& head, std::string_view name) {
  std::ptrdiff_t count = 0;
  for (std::size_t i = 0; i < head.headers.size(); ++i)
    count += equal_ignoring_case(head.headers[i].name, name);
  return count;
}

// Of the bytes themselves: a proxy in front of the server has no other way to cut them into fields.
void check_lines(std::string_view bytes) {
  invariant(bytes.ends_with("\r\n\r\n"), "a head ends with an empty line");
  if (bytes.starts_with("\r\n")) bytes.remove_prefix(2);
  for (bool is_field = false; bytes != "\r\n"; is_field = true) {
    const std::string_view line = bytes.substr(0, bytes.find("\r\n"));
    bytes.remove_prefix(line.size() + 2);
    constexpr std::string_view breaks("\r\n\0", 3);
    invariant(line.find_first_of(breaks) == line.npos, "lines end with CR and LF");
    const std::string_view name = line.substr(0, line.find(':'));
    if (!is_field) continue;
    invariant(!name.empty() && name.size() < line.size(), "a field has a name");
    invariant(name.find_first_of(" \t") == name.npos, "there is no blank around a field's name");
  }
}

void check_head(const Head& head, std::string_view bytes) {
  invariant(head.size <= bytes.size(), "a head lies within its bytes");
  check_lines(bytes.substr(0, head.size));
  const bool whole_server = head.target == "*" && head.method == Method::options;
  invariant(head.target.starts_with('/') || whole_server, "a target begins with '/'");
  invariant(head.target.size() <= limits.target_bytes, "a target keeps its limit");
  invariant(head.headers.size() <= limits.header_count, "fields keep their limit");
  invariant(count_of(head, "host") == 1 || (head.http_1_0 && count_of(head, "host") == 0),
            "there is one Host");
  invariant(count_of(head, "transfer-encoding") == (head.chunked ? 1 : 0),
            "there is no other coding than chunks");
  invariant(count_of(head, "content-length") <= (head.chunked ? 0 : 1), "a body has one length");
  const auto length = head.headers.find("content-length");
  invariant(head.body_size == (length ? std::stoul(std::string(*length)) : 0),
            "the body is as long as Content-Length says");
  invariant(head.body_size <= limits.streamed_body_bytes, "a body keeps its limit");
}

std::string written(const Head& head) {
  std::string text(to_string(head.method));
  const std::string origin = head.authority.empty() ? "" : "http://" + head.authority;
  text.append(" ")
      .append(origin)
      .append(head.target)
      .append(head.http_1_0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
  for (std::size_t i = 0; i < head.headers.size(); ++i)
    text.append(head.headers[i].name).append(":").append(head.headers[i].value).append("\r\n");
  return text + "\r\n";
}

struct Body {
  std::string bytes;
  std::string rest;
  int refused = 0;
  bool done = false;
};

// Gives the reader the body in pieces of so many bytes.
Body read_body(const Head& head, std::string_view bytes, std::size_t step) {
  BodyReader reader(head, limits.body_bytes, limits);
  Body body;
  for (std::size_t at = 0; at < bytes.size() && !body.refused && !reader.done(); at += step) {
    body.rest += bytes.substr(at, step);
    if (const auto refusal = reader.read(body.rest, body.bytes))
      body.refused = refusal->type.status;
    if (reader.done()) body.rest += bytes.substr(std::min(at + step, bytes.size()));
  }
  body.done = reader.done();
  return body;
}

void check_body(const Head& head, std::string_view bytes) {
  if (head.body_size > limits.body_bytes) return;
  const Body whole = read_body(head, bytes, std::max<std::size_t>(bytes.size(), 1));
  invariant(whole.bytes.size() <= limits.body_bytes, "a body keeps its limit");
  if (whole.done) invariant(bytes.ends_with(whole.rest), "what follows a body stays");
  if (whole.done && !head.chunked)
    invariant(whole.bytes == bytes.substr(0, head.body_size), "a body is as long as it says");
  for (const std::size_t step : {std::size_t{1}, std::size_t{7}}) {
    const Body cut = read_body(head, bytes, step);
    invariant(cut.done == whole.done && (cut.refused != 0) == (whole.refused != 0),
              "a body ends where it ends, however it is cut");
    if (!whole.refused)
      invariant(cut.bytes == whole.bytes && cut.rest == whole.rest, "a body is what was sent");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = fuzz::text_of(data, size);
  const auto whole = read_head(bytes, limits);
  const auto* head = std::get_if<Head>(&whole);
  if (head) {
    check_head(*head, bytes);
    check_body(*head, bytes.substr(head->size));
    const auto again = read_head(written(*head), limits);
    invariant(std::holds_alternative<Head>(again) && same_request(std::get<Head>(again), *head),
              "a head that is written down again reads the same");
  }
  // What was said of the first bytes is not taken back when more of them come.
  const std::size_t step = 1 + bytes.size() / 256;
  for (std::size_t some = 0; some < bytes.size(); some += step) {
    const auto part = read_head(bytes.substr(0, some), limits);
    if (std::holds_alternative<Refusal>(part))
      invariant(std::holds_alternative<Refusal>(whole), "what is refused stays refused");
    if (const auto* early = std::get_if<Head>(&part))
      invariant(head && early->size == head->size && same_request(*early, *head),
                "a head does not depend on what follows it");
  }
  return 0;
}
