// Reads a command's JSON body field by field. A body that is not JSON, has a duplicate field, is
// nested too deeply or has a number that is too large is malformed (400); the answer points to the
// place, by `byte` (from 1) or by `pointer` (RFC 6901). A field that is missing, of the wrong kind,
// out of its limits or unknown is invalid (422); the answer says which field, and what is expected.
//
// Threads: one at a time. Errors: everything here throws Problem.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/answers/problem.hpp"
#include "events/values.hpp"
#include "infra/text.hpp"

namespace jangbu {

[[noreturn]] void malformed(std::string_view detail);
[[noreturn]] void invalid(std::string_view field, std::string_view detail);

// The text in the form in which it is kept (`clean`); Problem 422 naming the field if it cannot be
// kept.
std::string clean_text(std::string_view text, std::string_view field, std::size_t min,
                       std::size_t max, TextKind kind = TextKind::line);

// What a null member of a body means: in a merge patch (RFC 7396) it removes something.
enum class NullMember { is_absent, takes_away };

inline constexpr std::size_t max_name = 200;

class Body {
 public:
  explicit Body(std::string_view text);

  // One text for all bodies with the same meaning, regardless of the order of their members, their
  // white space, their escapes, and how numbers (2, 2.0, 2e0) and texts (`normalised`) are written.
  // It follows RFC 8785, except for the digits of fractions and the order of names beyond the BMP,
  // since nobody else computes it. Hashes of it are in the log (events/README.md), so it must not
  // change. REQUIRES: a body that a command has read.
  std::string canonical(NullMember null) const;

  bool has(std::string_view field);  // and it is not null
  bool is_null(std::string_view field);

  std::string text(std::string_view field, std::size_t min, std::size_t max);
  std::string name(std::string_view field) { return text(field, 1, max_name); }
  // Empty when the field is absent or null.
  std::string optional_text(std::string_view field, std::size_t max,
                            TextKind kind = TextKind::line);
  std::optional<std::string> email(std::string_view field);
  // Verbatim, for text that is not written by people.
  const std::string& token(std::string_view field) { return string(field); }
  // 2.0 and 20e-1 are whole numbers, too.
  std::int64_t integer(std::string_view field, std::int64_t min, std::int64_t max);
  double number(std::string_view field, int min, int max);
  Money money(std::string_view field);
  Timestamp time(std::string_view field);
  Address address(std::string_view field);
  Address as_address();
  Body object(std::string_view field);
  std::vector<Body> objects(std::string_view field, std::size_t min, std::size_t max);

  template <class SomeId>
  SomeId id(std::string_view field) {
    const auto parsed = parse_id<SomeId>(string(field));
    if (!parsed) invalid(path_ + std::string(field), "must be a UUID");
    return *parsed;
  }

  // One of a closed set of words.
  template <class Value>
  std::optional<Value> choice(std::string_view field,
                              std::optional<Value> (*parse)(std::string_view),
                              std::string_view words) {
    if (!has(field)) return std::nullopt;
    const auto value = parse(string(field));
    if (!value) invalid(path_ + std::string(field), "must be one of " + std::string(words));
    return value;
  }

  // Refuses fields that were not asked for. Call it once all others have been read.
  void no_more() const;

  const std::string& path() const { return path_; }

 private:
  Body(std::shared_ptr<const nlohmann::json> json, std::string path);

  const nlohmann::json* find(std::string_view field);
  const nlohmann::json& at(std::string_view field);
  const std::string& string(std::string_view field);
  std::shared_ptr<const nlohmann::json> part(const nlohmann::json& value) const;

  std::shared_ptr<const nlohmann::json> json_;  // owns the whole body that it is a part of
  std::string path_;  // of this object in the body: empty, or ending in a dot
  std::vector<const nlohmann::json*> read_;
};

}  // namespace jangbu
