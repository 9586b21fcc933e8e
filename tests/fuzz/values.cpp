// Texts that stand for values, and names as people type them.
#include "events/values.hpp"

#include "api/json/body.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace jangbu;

namespace {

template <class Value>
void check_words(std::optional<Value> (*parse)(std::string_view), std::string_view text) {
  if (const auto value = parse(text))
    invariant(to_string(*value) == text, "a value's word is the only one for it");
}

template <class Value>
void check_written_form(std::optional<Value> (*parse)(std::string_view), std::string_view text) {
  if (const auto value = parse(text))
    invariant(parse(to_string(*value)) == value, "a value that is written reads the same");
}

std::optional<std::string> cleaned(std::string_view text) {
  try {
    return clean_text(text, "name", 1, 20);
  } catch (const Problem& problem) {
    invariant(problem.response.status == 422, "a text that is not clean is invalid");
    return std::nullopt;
  }
}

void check_name(std::string_view text) {
  const auto name = cleaned(text);
  if (!name) return;
  invariant(fuzz::is_utf8(*name), "a name is UTF-8");
  invariant(cleaned(*name) == name, "a clean name stays as it is");
  invariant(cleaned(" \t" + *name + "\r\n") == name, "white space around a name is nothing");
  for (const char c : *name) invariant(c < 0 || c >= 0x20, "a name has no control characters");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  check_written_form(parse_uuid, text);
  check_written_form(parse_event_id, text);
  check_written_form(parse_timestamp, text);
  check_words(parse_currency, text);
  check_words(parse_member_type, text);
  check_words(parse_membership_level, text);
  check_words(parse_delivery_status, text);
  check_name(text);
  return 0;
}
