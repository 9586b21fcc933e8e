#include "infra/json_tree.hpp"

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

namespace jangbu {

namespace {

// Builds the tree while it is being parsed. The library by itself would take the last of two equal
// names, and would recurse as deeply as a stranger likes where it destroys the tree.
class StrictBuilder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  StrictBuilder(nlohmann::json& root, std::size_t max_depth) : root_(root), max_depth_(max_depth) {}

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(std::int64_t value) override { return put(value); }
  bool number_unsigned(std::uint64_t value) override { return put(value); }
  bool number_float(double value, const std::string&) override { return put(value); }
  bool string(std::string& value) override { return put(std::move(value)); }
  bool binary(nlohmann::json::binary_t&) override { return false; }
  bool key(std::string& name) override {
    const auto [member, is_new] = open_.back()->emplace(std::move(name), nullptr);
    member_ = &*member;
    return is_new;
  }
  bool start_object(std::size_t) override { return open(nlohmann::json::object()); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(nlohmann::json::array()); }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception&) override {
    return false;
  }

 private:
  bool put(nlohmann::json value) {
    place() = std::move(value);
    return true;
  }
  bool open(nlohmann::json value) {
    if (open_.size() == max_depth_) return false;
    nlohmann::json& here = place();
    here = std::move(value);
    open_.push_back(&here);
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }
  // Where the next value goes.
  nlohmann::json& place() {
    if (open_.empty()) return root_;
    if (open_.back()->is_object()) return *member_;
    return open_.back()->emplace_back();
  }

  nlohmann::json& root_;
  const std::size_t max_depth_;
  std::vector<nlohmann::json*> open_;  // objects and arrays around the next value, outermost first
  nlohmann::json* member_ = nullptr;   // of the innermost one, if it is an object
};

}  // namespace

// The library's lexer skips a byte order mark, and takes U+0000 for the end.
nlohmann::json parse_json_strictly(std::string_view text, std::size_t max_depth) {
  nlohmann::json root;
  StrictBuilder builder(root, max_depth);
  const bool done = text.find('\0') == text.npos && !text.starts_with("\xEF\xBB\xBF") &&
                    nlohmann::json::sax_parse(text, &builder);
  if (!done) root = nlohmann::json::value_t::discarded;
  return root;
}

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
