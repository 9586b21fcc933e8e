#include "api/client/certainty.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "infra/json_tree.hpp"

namespace jangbu {

Says says(long status, std::string_view code) {
  // Rejections that are sent before a command is processed. Any other 503 may come from a proxy, or
  // mean that an answer could not be read back.
  constexpr std::array<std::string_view, 4> at_the_door{
      "not-ready", "overloaded", "idempotency-keys-full", "too-many-connections"};
  if (code == "outcome-unknown" || code == "idempotency-key-in-flight") return Says::uncertain;
  if (status == 503 && std::ranges::find(at_the_door, code) != at_the_door.end())
    return Says::turned_away;
  if (status < 200 || status >= 500) return Says::uncertain;
  const bool by_a_rule = status == 404 || status == 409 || status == 412 || status == 422;
  return status < 300 || by_a_rule ? Says::decided : Says::turned_away;
}

std::string code_of(std::string_view body) {
  const auto problem = parse_json_if_valid(body);
  if (!problem.is_object() || !problem.contains("code") || !problem.at("code").is_string())
    return {};
  return problem.at("code");
}

bool is_for_now(long status) {
  return status < 200 || status >= 500 || status == 408 || status == 429;
}

std::chrono::seconds retry_after_of(std::string_view value) {
  constexpr unsigned longest = 60;
  unsigned seconds = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (error != std::errc() || end != value.data() + value.size()) return {};
  return std::chrono::seconds(std::min(seconds, longest));
}

}  // namespace jangbu
