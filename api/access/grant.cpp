#include "api/access/grant.hpp"

#include <algorithm>
#include <array>

#include "infra/settings_table.hpp"
#include "infra/sha256.hpp"

namespace jangbu::access {

namespace {

constexpr std::array<std::string_view, role_count> words{"buyer", "seller",  "carrier",
                                                         "clerk", "auditor", "operator"};

}  // namespace

PrincipalId principal_id(std::string_view issuer, std::string_view subject) {
  PrincipalId id;
  std::copy_n(sha256({issuer, "\n", subject}).begin(), id.bytes.size(), id.bytes.begin());
  return id;
}

std::string_view to_string(Role role) {
  return words.at(static_cast<std::size_t>(role));
}

std::optional<Role> parse_role(std::string_view word) {
  const auto found = std::ranges::find(words, word);
  if (found == words.end()) return std::nullopt;
  return static_cast<Role>(found - words.begin());
}

std::string role_words() {
  return joined(words);
}

}  // namespace jangbu::access
