// Texts that stand for values, and names as people type them.
#include "events/values.hpp"

#include "api/requests/body.hpp"
#include "api/requests/whole_number.hpp"
#include "infra/text.hpp"
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
    invariant(problem.type.status == 422, "a text that is not clean is invalid");
    return std::nullopt;
  }
}

void check_name(std::string_view text) {
  const auto name = cleaned(text);
  if (!name) return;
  invariant(fuzz::is_utf8(*name), "a name is UTF-8");
  invariant(cleaned(*name) == name, "a clean name stays as it is");
  invariant(cleaned(" \t\u3000" + *name + "\u00A0\r\n") == name,
            "white space around a name is nothing");
  invariant(visible(*name) == *name, "a name can be seen");
  invariant(normalised(text) == *name, "all that is the same name is written the same");
}

void check_prose(std::string_view text) {
  try {
    const std::string prose = clean(text, 0, 5'000, TextKind::prose);
    invariant(clean(prose, 0, 5'000, TextKind::prose) == prose, "clean prose stays as it is");
    invariant(normalised(text) == prose, "all that is the same prose is written the same");
  } catch (const BadText&) {
  }
}

void check_shown(std::string_view text) {
  const std::string shown = visible(text);
  invariant(fuzz::is_utf8(shown), "what is shown is UTF-8");
  invariant(visible(shown) == shown, "what is visible is shown as it is");
  for (const char c : shown)
    invariant(c < 0 || ((c >= 0x20 || c == '\t') && c != 0x7f), "nothing steers");
}

void check_whole(std::string_view text) {
  if (const auto number = parse_whole_number(text))
    invariant(parse_whole_number(std::to_string(*number) + ".0") == number,
              "a whole number is the same with a fraction of nothing");
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
  check_prose(text);
  check_shown(text);
  check_whole(text);
  return 0;
}
