// From a request target to decoded text (RFC 3986, and the form encoding of queries).
//
// Everything is split first and decoded afterwards, so that an encoded '/', '&' or '=' is data. A
// '%' without two hex digits, U+0000, and anything that is not UTF-8 after decoding are refused
// (nullopt).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace jangbu::http {

using Query = std::vector<std::pair<std::string, std::string>>;

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);

// "/" has no segments, "/a/" has two, the second of them empty. REQUIRES: it begins with '/'.
std::optional<std::vector<std::string>> path_segments(std::string_view path);

// "a=1&a=2&b" are three pairs, the last with an empty value; empty parts are skipped.
std::optional<Query> query_pairs(std::string_view query);

}  // namespace jangbu::http
