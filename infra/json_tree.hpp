// JSON for reading: a tree of nlohmann-json, which orders fields by name or (as ordered_json) as in
// the text. JSON that is only written needs no tree: infra/json.hpp.
//
// The parser and the serialiser are compiled once, here, since they take the compiler two seconds.
// Code that looks into a tree includes nlohmann/json.hpp; so does code that parses without one
// (json_sax).
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace jangbu {

// Throws nlohmann::json::parse_error.
template <class Tree = nlohmann::json>
Tree parse_json(std::string_view text);

// The same, but returns a tree that is_discarded() when the text is not JSON.
template <class Tree = nlohmann::json>
Tree parse_json_if_valid(std::string_view text);

// For what strangers wrote, where a text must mean the same to everybody who reads it: also
// discarded when an object has a member twice, or when objects and arrays nest deeper than
// `max_depth`.
nlohmann::json parse_json_strictly(std::string_view text, std::size_t max_depth);

// On one line, or on several lines indented by `indent` spaces. Throws nlohmann::json::type_error
// when a string is not UTF-8.
template <class Tree>
std::string json_text(const Tree& json, int indent = -1);

extern template nlohmann::json parse_json(std::string_view);
extern template nlohmann::json parse_json_if_valid(std::string_view);
extern template std::string json_text(const nlohmann::json&, int);
extern template nlohmann::ordered_json parse_json(std::string_view);
extern template nlohmann::ordered_json parse_json_if_valid(std::string_view);
extern template std::string json_text(const nlohmann::ordered_json&, int);

}  // namespace jangbu
