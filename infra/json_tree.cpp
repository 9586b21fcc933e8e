#include "infra/json_tree.hpp"

#include <nlohmann/json.hpp>

namespace jangbu {

template <class Tree>
Tree parse_json(std::string_view text) {
  return Tree::parse(text);
}

template <class Tree>
Tree parse_json_if_valid(std::string_view text) {
  return Tree::parse(text, nullptr, false);
}

template <class Tree>
std::string json_text(const Tree& json, int indent) {
  return json.dump(indent);
}

template nlohmann::json parse_json(std::string_view);
template nlohmann::json parse_json_if_valid(std::string_view);
template std::string json_text(const nlohmann::json&, int);
template nlohmann::ordered_json parse_json(std::string_view);
template nlohmann::ordered_json parse_json_if_valid(std::string_view);
template std::string json_text(const nlohmann::ordered_json&, int);

}  // namespace jangbu
