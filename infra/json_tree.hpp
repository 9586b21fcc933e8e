// JSON that is read: a tree of nlohmann-json, which keeps fields in the order of their names, or
// (as ordered_json) in that of the text. What is only written needs no tree: infra/json.hpp.
//
// Its parser and its writer are compiled here, once: they take the compiler two seconds. Files that
// look into a tree include nlohmann/json.hpp, and those that need no tree to parse, its json_sax.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace jangbu {

// Throws nlohmann::json::parse_error.
template <class Tree = nlohmann::json>
Tree parse_json(std::string_view text);

// The same, but one that is_discarded() for a text that is not JSON.
template <class Tree = nlohmann::json>
Tree parse_json_if_valid(std::string_view text);

// In one line, or over several, indented by so many spaces. Throws nlohmann::json::type_error where
// a string is not UTF-8.
template <class Tree>
std::string json_text(const Tree& json, int indent = -1);

extern template nlohmann::json parse_json(std::string_view);
extern template nlohmann::json parse_json_if_valid(std::string_view);
extern template std::string json_text(const nlohmann::json&, int);
extern template nlohmann::ordered_json parse_json(std::string_view);
extern template nlohmann::ordered_json parse_json_if_valid(std::string_view);
extern template std::string json_text(const nlohmann::ordered_json&, int);

}  // namespace jangbu
