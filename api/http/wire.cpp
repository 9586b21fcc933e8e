#include "api/http/wire.hpp"

#include <pistache/http_defs.h>

#include <algorithm>
#include <charconv>
#include <stdexcept>

#include "api/http/stream_piece.hpp"

namespace jangbu::http {
namespace {

void append_number(std::string& out, std::size_t number, int base = 10) {
  char digits[20];
  const auto end = std::to_chars(std::begin(digits), std::end(digits), number, base).ptr;
  out.append(digits, end);
}

// Not find_first_of(), which calls memchr for each byte.
bool breaks_line(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  if (breaks_line(name) || breaks_line(value))
    throw std::invalid_argument("a line break in the header field " + std::string(name));
  out.append(name).append(": ").append(value).append("\r\n");
}

// Everything but the fields that give the length of the body, and the empty line.
std::string head_to_wire(const Response& response, WireForm form) {
  std::string out;
  out.reserve(256 + response.body.size());
  out += "HTTP/1.1 ";
  append_number(out, static_cast<std::size_t>(response.status));
  out += ' ';
  out += Pistache::Http::codeString(static_cast<Pistache::Http::Code>(response.status));
  out += "\r\n";
  if (!response.content_type.empty()) append_field(out, "Content-Type", response.content_type);
  for (const auto& [name, value] : response.headers) append_field(out, name, value);
  if (!form.date.empty()) append_field(out, "Date", form.date);
  if (!form.request_id.empty()) append_field(out, "X-Request-Id", form.request_id);
  out += form.cors_fields;
  if (!form.keep_alive)
    out += "Connection: close\r\n";
  else if (form.http_1_0)
    out += "Connection: keep-alive\r\n";
  return out;
}

// RFC 9110, 6.4.1
bool never_has_body(int status) {
  return status < 200 || status == 204 || status == 304;
}

}  // namespace

std::string to_wire(const Response& response, WireForm form) {
  std::string out = head_to_wire(response, form);
  if (never_has_body(response.status)) return out += "\r\n";
  out += "Content-Length: ";
  append_number(out, response.body.size());
  out += "\r\n\r\n";
  if (!form.without_body) out += response.body;
  return out;
}

std::string stream_head_to_wire(const Response& head, WireForm form) {
  std::string out = head_to_wire(head, form);
  if (!form.http_1_0) out += "Transfer-Encoding: chunked\r\n";
  out += "\r\n";
  if (!form.without_body) out += chunk_to_wire(head.body, form);
  return out;
}

std::string chunk_to_wire(std::string bytes, WireForm form) {
  if (form.http_1_0 || bytes.empty()) return bytes;
  std::string out;
  out.reserve(bytes.size() + 20);
  append_number(out, bytes.size(), 16);
  return out.append("\r\n").append(bytes).append("\r\n");
}

StreamPiece::StreamPiece(std::string_view bytes) : at_(0), size_(bytes.size()) {
  std::string chunk = chunk_to_wire(std::string(bytes), {});
  if (size_ > 0) at_ = chunk.find('\n') + 1;
  chunk_ = std::make_shared<const std::string>(std::move(chunk));
}

std::string_view StreamPiece::wire(bool http_1_0) const {
  const std::string_view chunk = *chunk_;
  return http_1_0 ? chunk.substr(at_, size_) : chunk;
}

std::string_view last_chunk(WireForm form) {
  return form.http_1_0 || form.without_body ? "" : "0\r\n\r\n";
}

}  // namespace jangbu::http
