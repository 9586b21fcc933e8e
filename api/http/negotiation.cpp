#include "api/http/negotiation.hpp"

#include <algorithm>
#include <optional>

#include "api/http/ascii.hpp"

namespace jangbu::http {

namespace {

constexpr int whole = 1'000;  // the weight of a member without one

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Removes the part before the mark, and the mark, from the text; returns that part.
std::string_view take(std::string_view& text, char mark) {
  const std::size_t end = std::min(text.find(mark), text.size());
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return trimmed(part);
}

// "1", "0.5", "0.125": at most three digits after the point, and no more than 1.
std::optional<int> parse_weight(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return std::nullopt;
  if (text.size() > 1 && text[1] != '.') return std::nullopt;
  int weight = text[0] == '1' ? whole : 0;
  int unit = 100;
  for (const char digit : text.substr(std::min<std::size_t>(2, text.size()))) {
    if (!is_digit(digit)) return std::nullopt;
    weight += unit * (digit - '0');
    unit /= 10;
  }
  return weight <= whole ? std::optional(weight) : std::nullopt;
}

std::optional<int> weight_in(std::string_view parameters) {
  while (!parameters.empty()) {
    std::string_view value = take(parameters, ';');
    const std::string_view name = take(value, '=');
    if (equal_ignoring_case(name, "q")) return parse_weight(value);
  }
  return whole;
}

int weight_of(const std::vector<Preference>& all, std::string_view name) {
  const auto found = std::ranges::find_if(all, [&](const Preference& preference) {
    return equal_ignoring_case(preference.name, name);
  });
  return found == all.end() ? 0 : found->weight;
}

// "ko-Kore-KR" begins with "ko".
bool finds(std::string_view range, std::string_view language) {
  return equal_ignoring_case(range.substr(0, language.size()), language) &&
         (range.size() == language.size() || range[language.size()] == '-');
}

}  // namespace

std::vector<Preference> preferences(std::string_view field) {
  std::vector<Preference> all;
  while (!field.empty()) {
    std::string_view member = take(field, ',');
    const std::string_view name = take(member, ';');
    if (const auto weight = weight_in(member); weight && !name.empty())
      all.push_back({name, *weight});
  }
  return all;
}

bool prefers_html(std::string_view accept) {
  const auto all = preferences(accept);
  const int html = weight_of(all, "text/html");
  return html > 0 && html >= weight_of(all, "application/json");
}

std::string_view preferred_language(std::string_view accept_language,
                                    std::span<const std::string_view> offered) {
  const auto all = preferences(accept_language);
  // Computed once per language offered, since "*" may occur as often as the header has room for it.
  std::vector<bool> is_named;
  for (const std::string_view language : offered)
    is_named.push_back(
        std::ranges::any_of(all, [&](const auto& one) { return finds(one.name, language); }));
  std::string_view best = offered.front();
  int best_weight = 0;
  const auto consider = [&](std::string_view language, int weight) {
    if (weight <= best_weight) return;
    best = language;
    best_weight = weight;
  };
  for (const Preference& preference : all)
    for (std::size_t i = 0; i < offered.size(); ++i)
      if (preference.name == "*" ? !is_named[i] : finds(preference.name, offered[i]))
        consider(offered[i], preference.weight);
  return best;
}

}  // namespace jangbu::http
