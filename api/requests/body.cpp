#include "api/requests/body.hpp"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "api/answers/problem_types.hpp"
#include "api/requests/whole_number.hpp"
#include "infra/json.hpp"
#include "infra/json_tree.hpp"

namespace jangbu {

namespace {

constexpr std::size_t max_email = 254;  // RFC 5321, section 4.5.3.1.3, without the brackets
constexpr std::size_t max_depth = 16;

// How many bytes of a client's field name an answer repeats.
constexpr std::size_t longest_name_told = 100;

// The name or only its beginning, so that an answer is no longer than is useful.
std::string told(std::string_view name) {
  if (name.size() <= longest_name_told) return std::string(name);
  std::size_t end = longest_name_told;
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0) == 0x80) --end;
  return std::string(name.substr(0, end)) + "…";
}

// One step of a JSON Pointer: RFC 6901, section 3.
std::string step_to(std::string_view name) {
  std::string step = "/";
  for (const char c : told(name)) {
    if (c == '~')
      step += "~0";
    else if (c == '/')
      step += "~1";
    else
      step += c;
  }
  return step;
}

// Builds the value while it is being parsed. On its own, the parser would take the last of two
// equal names, and destroying a value nested as deeply as a client likes would recurse as deeply.
class Builder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  nlohmann::json take() { return std::move(root_); }

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(std::int64_t value) override { return put(value); }
  bool number_unsigned(std::uint64_t value) override { return put(value); }
  bool number_float(double value, const std::string& text) override {
    if (const auto whole = parse_whole_number(text)) return put(*whole);
    return put(value);
  }
  bool string(std::string& value) override { return put(std::move(value)); }
  bool binary(nlohmann::json::binary_t&) override { return false; }  // no such thing in JSON
  bool key(std::string& name) override {
    const auto [field, is_new] = open_.back()->emplace(std::move(name), nullptr);
    field_ = &*field;
    if (!is_new) refuse_here("The body has a field twice");
    return true;
  }
  bool start_object(std::size_t) override { return start(nlohmann::json::object()); }
  bool end_object() override { return end(); }
  bool start_array(std::size_t) override { return start(nlohmann::json::array()); }
  bool end_array() override { return end(); }
  bool parse_error(std::size_t byte, const std::string&,
                   const nlohmann::json::exception& error) override {
    if (dynamic_cast<const nlohmann::json::out_of_range*>(&error))
      refuse_here("The body has a number that is too large");
    throw Problem{problems::malformed_request,
                  "The body is not JSON: the error is at byte " + std::to_string(byte),
                  {{"byte", byte}}};
  }

 private:
  bool put(nlohmann::json value) {
    place() = std::move(value);
    return true;
  }
  bool start(nlohmann::json value) {
    if (open_.size() == max_depth)
      refuse_here("The body is nested deeper than " + std::to_string(max_depth) + " levels");
    nlohmann::json& here = place();
    here = std::move(value);
    open_.push_back(&here);
    return true;
  }
  bool end() {
    open_.pop_back();
    return true;
  }
  // Where the next value goes.
  nlohmann::json& place() {
    if (open_.empty()) return root_;
    if (open_.back()->is_object()) return *field_;
    return open_.back()->emplace_back();
  }

  [[noreturn]] void refuse_here(const std::string& what) {
    std::string pointer;
    for (std::size_t i = 0; i < open_.size(); ++i)
      pointer += step_into(*open_[i], i + 1 < open_.size() ? open_[i + 1] : field_);
    throw Problem{problems::malformed_request,
                  pointer.empty() ? what : what + ", at " + pointer,
                  {{"pointer", pointer}}};
  }
  // The step from an object or array to `part`; in an array that does not contain it, to the next
  // element.
  static std::string step_into(const nlohmann::json& whole, const nlohmann::json* part) {
    if (whole.is_array() && !whole.empty() && &whole.back() == part)
      return step_to(std::to_string(whole.size() - 1));
    if (whole.is_array()) return step_to(std::to_string(whole.size()));
    for (const auto& [name, value] : whole.items())
      if (&value == part) return step_to(name);
    return {};
  }

  nlohmann::json root_;
  std::vector<nlohmann::json*> open_;  // objects and arrays around the next value, outermost first
  nlohmann::json* field_ = nullptr;    // of the innermost one, if it is an object
};

std::shared_ptr<const nlohmann::json> parse(std::string_view text) {
  Builder builder;
  nlohmann::json::sax_parse(text, &builder);
  return std::make_shared<const nlohmann::json>(builder.take());
}

void append_canonical(std::string& text, const nlohmann::json& value, NullMember null) {
  if (value.is_object()) {  // its members are in the order of their names
    const std::size_t begin = text.size();
    for (const auto& [name, member] : value.items()) {
      if (member.is_null() && null == NullMember::is_absent) continue;
      text += text.size() == begin ? '{' : ',';
      text += Json(name).text();
      text += ':';
      append_canonical(text, member, null);
    }
    text += text.size() == begin ? "{}" : "}";
  } else if (value.is_array()) {
    text += '[';
    for (const auto& item : value) {
      if (&item != &value.front()) text += ',';
      append_canonical(text, item, null);
    }
    text += ']';
  } else if (value.is_string()) {
    text += Json(normalised(value.get_ref<const std::string&>())).text();
  } else {
    text += json_text(value);
  }
}

}  // namespace

void malformed(std::string_view detail) {
  throw Problem{problems::malformed_request, std::string(detail)};
}

void invalid(std::string_view field, std::string_view detail) {
  throw Problem{
      problems::invalid_field, std::string(field) + " " + std::string(detail), {{"field", field}}};
}

std::string clean_text(std::string_view text, std::string_view field, std::size_t min,
                       std::size_t max, TextKind kind) {
  try {
    return clean(text, min, max, kind);
  } catch (const BadText& bad) {
    invalid(field, bad.what());
  }
}

Body::Body(std::string_view text) : Body(parse(text), "") {}

Body::Body(std::shared_ptr<const nlohmann::json> json, std::string path)
    : json_(std::move(json)), path_(std::move(path)) {
  if (!json_->is_object()) {
    if (path_.empty()) malformed("The body must be a JSON object");
    invalid(path_.substr(0, path_.size() - 1), "must be an object");
  }
}

std::string Body::canonical(NullMember null) const {
  std::string text;
  append_canonical(text, *json_, null);
  return text;
}

// Null counts as absent; a command that lets null remove something asks with is_null().
const nlohmann::json* Body::find(std::string_view field) {
  const auto found = json_->find(field);
  if (found == json_->end()) return nullptr;
  read_.push_back(&*found);
  return found->is_null() ? nullptr : &*found;
}

bool Body::has(std::string_view field) {
  return find(field) != nullptr;
}

bool Body::is_null(std::string_view field) {
  return !has(field) && json_->contains(field);
}

const nlohmann::json& Body::at(std::string_view field) {
  const nlohmann::json* value = find(field);
  if (!value)
    invalid(path_ + std::string(field), json_->contains(field) ? "must not be null" : "is missing");
  return *value;
}

std::shared_ptr<const nlohmann::json> Body::part(const nlohmann::json& value) const {
  return {json_, &value};
}

const std::string& Body::string(std::string_view field) {
  const auto& value = at(field);
  if (!value.is_string()) invalid(path_ + std::string(field), "must be a string");
  return value.get_ref<const std::string&>();
}

std::string Body::text(std::string_view field, std::size_t min, std::size_t max) {
  return clean_text(string(field), path_ + std::string(field), min, max);
}

std::string Body::optional_text(std::string_view field, std::size_t max, TextKind kind) {
  if (!has(field)) return {};
  return clean_text(string(field), path_ + std::string(field), 0, max, kind);
}

// Checks only what is certain: something, one @, something. Whether mail arrives there is another
// matter.
std::optional<std::string> Body::email(std::string_view field) {
  if (!has(field)) return std::nullopt;
  std::string address = text(field, 0, max_email);
  if (address.empty()) return address;
  const auto at = address.find('@');
  if (at == 0 || at == address.npos || at + 1 == address.size() ||
      address.find('@', at + 1) != address.npos || has_white_space(address))
    invalid(path_ + std::string(field), "is not an e-mail address");
  return address;
}

std::int64_t Body::integer(std::string_view field, std::int64_t min, std::int64_t max) {
  const auto& value = at(field);
  const bool fits = value.is_number_unsigned()
                        ? value.get<std::uint64_t>() <= static_cast<std::uint64_t>(INT64_MAX)
                        : value.is_number_integer();
  if (!fits || value.get<std::int64_t>() < min || value.get<std::int64_t>() > max)
    invalid(path_ + std::string(field),
            "must be a whole number from " + std::to_string(min) + " to " + std::to_string(max));
  return value.get<std::int64_t>();
}

double Body::number(std::string_view field, int min, int max) {
  const auto& value = at(field);
  if (!value.is_number() || value.get<double>() < min || value.get<double>() > max)
    invalid(path_ + std::string(field),
            "must be a number from " + std::to_string(min) + " to " + std::to_string(max));
  return value.get<double>();
}

Money Body::money(std::string_view field) {
  Body money = object(field);
  const std::int64_t amount = money.integer("amount", 0, Money::max_amount);
  const auto currency = parse_currency(money.string("currency"));
  if (!currency) invalid(money.path_ + "currency", "is not an ISO 4217 code, such as KRW");
  money.no_more();
  return {amount, *currency};
}

Timestamp Body::time(std::string_view field) {
  const auto time = parse_timestamp(string(field));
  if (!time)
    invalid(path_ + std::string(field), "is not an RFC 3339 time, such as 2026-03-01T09:30:00Z");
  return *time;
}

Address Body::address(std::string_view field) {
  return object(field).as_address();
}

Address Body::as_address() {
  Address address{text("line", 1, 500), text("zipCode", 1, 20)};
  no_more();
  return address;
}

Body Body::object(std::string_view field) {
  return Body(part(at(field)), path_ + std::string(field) + ".");
}

std::vector<Body> Body::objects(std::string_view field, std::size_t min, std::size_t max) {
  const auto& values = at(field);
  if (!values.is_array() || values.size() < min || values.size() > max)
    invalid(path_ + std::string(field),
            "must be a list of " + std::to_string(min) + " to " + std::to_string(max) + " objects");
  std::vector<Body> objects;
  objects.reserve(values.size());
  for (const auto& value : values)
    objects.push_back(Body(
        part(value), path_ + std::string(field) + "[" + std::to_string(objects.size()) + "]."));
  return objects;
}

void Body::no_more() const {
  for (const auto& [field, value] : json_->items())
    if (std::ranges::find(read_, &value) == read_.end())
      invalid(path_ + told(field), "is not a field of this request");
}

}  // namespace jangbu
