// What a request prefers: the lists of Accept and Accept-Language (RFC 9110, section 12).
//
// Threads: pure functions.
#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace jangbu::http {

// One member of a field's list, such as "ko-KR;q=0.8".
struct Preference {
  std::string_view name;  // "ko-KR"
  int weight;             // in thousandths; 0: not wanted
};

// In the order of the field. Parameters other than the weight are left out, and so are members that
// cannot be read.
std::vector<Preference> preferences(std::string_view field);

// Whether Accept names HTML and does not rank JSON higher. A client that accepts anything, as curl
// does, names neither.
bool prefers_html(std::string_view accept);

// The language of `offered` that Accept-Language ranks highest; among equals the one it names
// first; the first one offered if it wants none of them. A range matches the language it begins
// with: "ko-KR" matches "ko" (RFC 4647, section 3.4). REQUIRES: at least one offer, in lower case.
std::string_view preferred_language(std::string_view accept_language,
                                    std::span<const std::string_view> offered);

}  // namespace jangbu::http
