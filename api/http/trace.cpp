#include "api/http/trace.hpp"

#include <algorithm>

namespace jangbu::http {
namespace {

constexpr std::size_t longest_id = 128;

// version "-" trace-id "-" parent-id "-" trace-flags
constexpr std::size_t version_size = 2, trace_at = 3, trace_size = 32, parent_at = 36,
                      parent_size = 16, flags_at = 53, size_of_00 = 55;

bool is_lower_hex(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_zero(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c == '0'; });
}

}  // namespace

bool is_request_id(std::string_view text) {
  return !text.empty() && text.size() <= longest_id &&
         std::ranges::all_of(text, [](char c) { return c >= '!' && c <= '~'; });
}

std::optional<std::string> parse_traceparent(std::string_view text) {
  if (text.size() < size_of_00) return std::nullopt;
  const std::string_view version = text.substr(0, version_size);
  const std::string_view trace = text.substr(trace_at, trace_size);
  const std::string_view parent = text.substr(parent_at, parent_size);
  const std::string_view flags = text.substr(flags_at, 2);
  if (!is_lower_hex(version) || version == "ff" || text[trace_at - 1] != '-') return std::nullopt;
  if (!is_lower_hex(trace) || is_zero(trace) || text[parent_at - 1] != '-') return std::nullopt;
  if (!is_lower_hex(parent) || is_zero(parent) || text[flags_at - 1] != '-') return std::nullopt;
  if (!is_lower_hex(flags)) return std::nullopt;
  if (text.size() > size_of_00 && (version == "00" || text[size_of_00] != '-')) return std::nullopt;
  std::string known(text.substr(0, size_of_00));
  if (version != "00") {
    const bool sampled = (flags[1] >= 'a' ? flags[1] - 'a' + 10 : flags[1] - '0') % 2 == 1;
    known.replace(0, version_size, "00").replace(flags_at, 2, sampled ? "01" : "00");
  }
  return known;
}

}  // namespace jangbu::http
