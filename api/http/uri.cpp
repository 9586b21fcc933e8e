#include "api/http/uri.hpp"

#include <utf8proc.h>

#include <algorithm>

#include "api/http/ascii.hpp"

namespace jangbu::http {
namespace {

bool is_utf8(std::string_view text) {
  const auto* at = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  auto left = static_cast<utf8proc_ssize_t>(text.size());
  while (left > 0) {
    utf8proc_int32_t code_point = 0;
    const utf8proc_ssize_t size = utf8proc_iterate(at, left, &code_point);
    if (size <= 0) return false;
    at += size;
    left -= size;
  }
  return true;
}

bool is_ascii(char byte) {
  return static_cast<unsigned char>(byte) < 0x80;
}

// Calls `take` with each part between the separators, until it returns false.
template <class Take>
bool for_each_part(std::string_view text, char separator, Take take) {
  for (;;) {
    const std::size_t end = text.find(separator);
    if (!take(text.substr(0, end))) return false;
    if (end == text.npos) return true;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      decoded += ' ';
    } else if (text[i] == '%') {
      if (text.size() - i < 3) return std::nullopt;
      const auto high = hex_value(text[i + 1]);
      const auto low = hex_value(text[i + 2]);
      if (!high || !low) return std::nullopt;
      decoded += static_cast<char>(*high * 16 + *low);
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  if (decoded.find('\0') != decoded.npos) return std::nullopt;
  if (!std::all_of(decoded.begin(), decoded.end(), is_ascii) && !is_utf8(decoded))
    return std::nullopt;
  return decoded;
}

std::optional<std::vector<std::string>> path_segments(std::string_view path) {
  path.remove_prefix(1);
  std::vector<std::string> segments;
  if (path.empty()) return segments;
  const bool decoded = for_each_part(path, '/', [&](std::string_view part) {
    auto segment = percent_decode(part, false);
    if (segment) segments.push_back(std::move(*segment));
    return segment.has_value();
  });
  if (!decoded) return std::nullopt;
  return segments;
}

std::optional<Query> query_pairs(std::string_view query) {
  Query pairs;
  const bool decoded = for_each_part(query, '&', [&](std::string_view part) {
    if (part.empty()) return true;
    const std::size_t equals = part.find('=');
    auto name = percent_decode(part.substr(0, equals), true);
    auto value =
        percent_decode(equals == part.npos ? std::string_view() : part.substr(equals + 1), true);
    if (!name || !value) return false;
    pairs.emplace_back(std::move(*name), std::move(*value));
    return true;
  });
  if (!decoded) return std::nullopt;
  return pairs;
}

}  // namespace jangbu::http
