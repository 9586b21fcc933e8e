#include "infra/text.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <optional>

namespace jangbu {

namespace {

// Any character of a text in NFC comes from at most as many bytes as the three letters of a Hangul
// syllable.
constexpr std::size_t longest_character = 9;

constexpr int most_marks = 30;  // UAX #15, Stream-Safe Text Format

bool is_printable_ascii(char c) {
  return c >= ' ' && c <= '~';
}

const utf8proc_uint8_t* bytes_of(std::string_view text) {
  return reinterpret_cast<const utf8proc_uint8_t*>(text.data());
}

// The size in bytes of the first character of the text; 0 when it is not UTF-8.
std::size_t first_character(std::string_view text, utf8proc_int32_t& character) {
  const auto size =
      utf8proc_iterate(bytes_of(text), static_cast<utf8proc_ssize_t>(text.size()), &character);
  return size > 0 ? static_cast<std::size_t>(size) : 0;
}

template <class Visit>
void each_character(std::string_view text, Visit visit) {
  while (!text.empty()) {
    utf8proc_int32_t character = 0;
    const std::size_t size = first_character(text, character);
    if (size == 0) throw BadText("is not valid UTF-8");
    visit(character);
    text.remove_prefix(size);
  }
}

// The property White_Space.
bool is_white_space(utf8proc_int32_t character) {
  switch (utf8proc_category(character)) {
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return true;
    default:
      return (character >= '\t' && character <= '\r') || character == 0x85;
  }
}

std::string_view trimmed(std::string_view text) {
  utf8proc_int32_t character = 0;
  while (!text.empty()) {
    const std::size_t size = first_character(text, character);
    if (size == 0 || !is_white_space(character)) break;
    text.remove_prefix(size);
  }
  while (!text.empty()) {
    std::size_t last = text.size() - 1;
    while (last > 0 && (static_cast<unsigned char>(text[last]) & 0xC0) == 0x80) --last;
    const std::size_t size = first_character(text.substr(last), character);
    if (size != text.size() - last || !is_white_space(character)) break;
    text.remove_suffix(size);
  }
  return text;
}

// CR LF, CR, NEL (U+0085), and the line and paragraph separators become LF: UAX #14, BK, CR, NL.
std::string with_line_feeds(std::string_view text) {
  std::string lines;
  lines.reserve(text.size());
  while (!text.empty()) {
    std::size_t end = 1;
    if (text.starts_with("\r\n") || text.starts_with("\xC2\x85"))
      end = 2;
    else if (text.starts_with("\xE2\x80\xA8") || text.starts_with("\xE2\x80\xA9"))
      end = 3;
    else if (text.front() != '\r')
      end = 0;
    lines += end > 0 ? '\n' : text.front();
    text.remove_prefix(std::max<std::size_t>(end, 1));
  }
  return lines;
}

// Counts marks in the decomposed text, since that is what gets sorted. Throws BadText.
void check_marks(std::string_view text) {
  int run = 0;
  each_character(text, [&](utf8proc_int32_t character) {
    std::array<utf8proc_int32_t, 8> parts{};
    int boundary = 0;
    const auto count = utf8proc_decompose_char(
        character, parts.data(), parts.size(),
        static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE), &boundary);
    for (std::size_t i = 0; i < static_cast<std::size_t>(std::max<utf8proc_ssize_t>(count, 0)); ++i)
      run = utf8proc_get_property(parts.at(i))->combining_class == 0 ? 0 : run + 1;
    if (run > most_marks)
      throw BadText("must not have more than " + std::to_string(most_marks) +
                    " combining marks in a row");
  });
}

// Canonical composition (UAX #15): the same name has the same bytes, however it was typed. Empty
// when the text is not UTF-8.
std::optional<std::string> nfc(std::string_view text) {
  utf8proc_uint8_t* composed = nullptr;
  const auto size =
      utf8proc_map(bytes_of(text), static_cast<utf8proc_ssize_t>(text.size()), &composed,
                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(composed, &std::free);
  if (size == UTF8PROC_ERROR_NOMEM) throw std::bad_alloc();
  if (size < 0) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(composed), static_cast<std::size_t>(size));
}

// --- What can be seen ----------------------------------------------------------------------------

bool is_joiner(utf8proc_int32_t character) {
  return character == 0x200C || character == 0x200D;
}

bool is_variation_selector(utf8proc_int32_t character) {
  return (character >= 0xFE00 && character <= 0xFE0F) ||
         (character >= 0xE0100 && character <= 0xE01EF) ||
         (character >= 0x180B && character <= 0x180F && character != 0x180E);
}

// Embeddings, overrides and isolates, which last until they are ended. Mere direction marks only
// affect their neighbours.
bool reverses(utf8proc_int32_t character) {
  return (character >= 0x202A && character <= 0x202E) ||
         (character >= 0x2066 && character <= 0x2069);
}

bool is_control(utf8proc_int32_t character) {
  return utf8proc_category(character) == UTF8PROC_CATEGORY_CC;
}

bool is_separator(utf8proc_int32_t character) {
  return character == 0x2028 || character == 0x2029;
}

// Default_Ignorable_Code_Point, which includes fillers, soft hyphens, bidi controls, tags, and
// unassigned code points that the library does not know. Also code points that lack the property
// but display nothing either: interlinear annotation, the blank Braille pattern, and noncharacters.
bool is_invisible(utf8proc_int32_t character) {
  return utf8proc_get_property(character)->ignorable ||
         (character >= 0xFFF0 && character <= 0xFFFB) || character == 0x2065 ||
         (character >= 0xE0000 && character <= 0xE0FFF) || character == 0x2800 ||
         (character >= 0xFDD0 && character <= 0xFDEF) || (character & 0xFFFE) == 0xFFFE;
}

// A mark is displayed with the character before it.
bool is_mark(utf8proc_int32_t character) {
  const auto category = utf8proc_category(character);
  return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_ME;
}

std::string name_of(utf8proc_int32_t character) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string name = "U+";
  for (int shift = character > 0xFFFFF ? 20 : character > 0xFFFF ? 16 : 12; shift >= 0; shift -= 4)
    name += digits[static_cast<std::size_t>(character >> shift & 0xF)];
  return name;
}

// Scans a text in NFC and throws BadText where it contains something that its kind does not allow.
class Check {
 public:
  explicit Check(TextKind kind) : kind_(kind) {}

  void take(utf8proc_int32_t character) {
    ++count_;
    const bool prose = kind_ == TextKind::prose;
    if (prose && (character == '\n' || character == '\t')) return;
    if (is_control(character)) throw BadText("must not have control characters");
    if (is_separator(character)) throw BadText("must not have line breaks");
    if (prose && reverses(character))
      throw BadText("must not have bidi controls, it has " + name_of(character));
    if (is_joiner(character) || is_variation_selector(character)) {
      const bool again =
          is_joiner(last_) || (is_variation_selector(last_) && !is_joiner(character));
      if (!prose && (again || !on_visible_)) bad(character);
    } else if (is_invisible(character)) {
      if (!prose) bad(character);
    } else if (!is_mark(character)) {
      on_visible_ = !is_white_space(character);
      if (!prose && is_joiner(last_) && !on_visible_) bad(last_);
      something_visible_ = something_visible_ || on_visible_;
    }
    last_ = character;
  }

  std::size_t end() const {
    if (is_joiner(last_) && kind_ == TextKind::line) bad(last_);
    if (count_ > 0 && !something_visible_) throw BadText("has nothing visible");
    return count_;
  }

 private:
  [[noreturn]] static void bad(utf8proc_int32_t character) {
    if (is_joiner(character) || is_variation_selector(character))
      throw BadText("must not have an invisible " + name_of(character) +
                    " without visible characters around it");
    throw BadText("must not have invisible characters, it has " + name_of(character));
  }

  const TextKind kind_;
  std::size_t count_ = 0;
  bool something_visible_ = false;
  bool on_visible_ = false;  // the next character may modify a visible one
  utf8proc_int32_t last_ = 0;
};

// --- What is shown -------------------------------------------------------------------------------

void append_hex(std::string& text, std::uint32_t number, int digits) {
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4)
    text += "0123456789abcdef"[number >> shift & 0xF];
}

void append_escape(std::string& text, std::uint32_t unit) {
  text += "\\u";
  append_hex(text, unit, 4);
}

void append_escaped(std::string& text, utf8proc_int32_t character) {
  if (character == '\n') {
    text += "\\n";
  } else if (character == '\r') {
    text += "\\r";
  } else if (character > 0xFFFF) {  // a pair of surrogates, as in JSON
    const auto rest = static_cast<std::uint32_t>(character) - 0x10000;
    append_escape(text, 0xD800 + (rest >> 10));
    append_escape(text, 0xDC00 + (rest & 0x3FF));
  } else {
    append_escape(text, static_cast<std::uint32_t>(character));
  }
}

bool may_be_shown(utf8proc_int32_t character) {
  if (is_joiner(character) || is_variation_selector(character)) return true;
  return !is_control(character) && !is_separator(character) && !is_invisible(character);
}

std::string shown(std::string_view text, std::string_view layout) {
  std::string shown;
  shown.reserve(text.size());
  while (!text.empty()) {
    const auto stays = [&](char c) {
      return is_printable_ascii(c) || layout.find(c) != layout.npos;
    };
    const auto plain =
        static_cast<std::size_t>(std::ranges::find_if_not(text, stays) - text.begin());
    if (plain > 0) {
      shown += text.substr(0, plain);
      text.remove_prefix(plain);
      continue;
    }
    utf8proc_int32_t character = 0;
    const std::size_t size = first_character(text, character);
    if (size == 0) {
      shown += "\\x";
      append_hex(shown, static_cast<unsigned char>(text.front()), 2);
    } else if (may_be_shown(character)) {
      shown += text.substr(0, size);
    } else {
      append_escaped(shown, character);
    }
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return shown;
}

}  // namespace

std::string clean(std::string_view text, std::size_t min, std::size_t max, TextKind kind) {
  const auto wrong_length = [&](const std::string& it_has) {
    return BadText("must have " + std::to_string(min) + " to " + std::to_string(max) +
                   " characters, it has " + it_has);
  };
  text = trimmed(text);
  if (text.size() > longest_character * max) throw wrong_length("more");
  std::string cleaned;
  std::size_t count = text.size();
  if (std::ranges::all_of(text, is_printable_ascii)) {
    cleaned = text;
  } else {
    cleaned = kind == TextKind::prose ? with_line_feeds(text) : std::string(text);
    check_marks(cleaned);
    cleaned = nfc(cleaned).value();
    Check check(kind);
    each_character(cleaned, [&](utf8proc_int32_t character) { check.take(character); });
    count = check.end();
  }
  if (count < min || count > max) throw wrong_length(std::to_string(count));
  return cleaned;
}

bool has_white_space(std::string_view text) {
  bool found = false;
  each_character(text,
                 [&](utf8proc_int32_t character) { found = found || is_white_space(character); });
  return found;
}

std::string normalised(std::string_view text) {
  text = trimmed(text);
  if (std::ranges::all_of(text, is_printable_ascii)) return std::string(text);
  std::string lines = with_line_feeds(text);
  return nfc(lines).value_or(lines);
}

std::string visible(std::string_view text) {
  return shown(text, "\t");
}

std::string visible_lines(std::string_view text) {
  return shown(text, "\n\t");
}

}  // namespace jangbu
