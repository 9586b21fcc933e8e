// What the growth benchmark found out, as a page with curves and as text. Both are made from its
// JSON: `sizes`, each with `figures` of {section, chart, unit, curve, value}.
//
// Threads: pure functions.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace jangbu::bench {

// One HTML file that needs no other.
std::string growth_page(const nlohmann::ordered_json& result);

std::string growth_text(const nlohmann::ordered_json& result);

}  // namespace jangbu::bench
