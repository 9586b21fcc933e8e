#include "projections/tables/name_range.hpp"

#include <utf8proc.h>

#include <algorithm>

namespace jangbu {

namespace {

// Hangul syllables: The Unicode Standard, section 3.12. They are numbered by initial, vowel and
// final; the first of each group of 28 has no final.
constexpr char32_t first_syllable = U'가';
constexpr char32_t last_syllable = U'힣';
constexpr char32_t finals = 28;
constexpr char32_t syllables_of_initial = 21 * finals;

// The consonants as letters of their own, in the order of the initials.
constexpr std::u32string_view initials = U"ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ";

constexpr char32_t first_surrogate = 0xD800;
constexpr char32_t last_surrogate = 0xDFFF;
constexpr char32_t last_code_point = 0x10FFFF;

std::string utf8(char32_t character) {
  utf8proc_uint8_t bytes[4];
  const auto size = utf8proc_encode_char(static_cast<utf8proc_int32_t>(character), bytes);
  return {reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)};
}

// Removes the last character of the text and returns it. REQUIRES: the text is not empty.
char32_t take_last(std::string& text) {
  std::size_t begin = text.size() - 1;
  while ((static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) --begin;
  utf8proc_int32_t character = 0;
  utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + begin,
                   static_cast<utf8proc_ssize_t>(text.size() - begin), &character);
  text.resize(begin);
  return static_cast<char32_t>(character);
}

// Skips the surrogates, which are not characters: no text contains them.
char32_t next_of(char32_t character) {
  const char32_t next = character + 1;
  return next >= first_surrogate && next <= last_surrogate ? last_surrogate + 1 : next;
}

// Sorts after every name: a name has at most 200 characters, so none has this many of the last code
// point.
std::string behind_all() {
  constexpr int more_than_a_name = 201;
  std::string text;
  for (int i = 0; i < more_than_a_name; ++i) text += utf8(last_code_point);
  return text;
}

// The least text that sorts after this one and does not begin with it.
std::string behind(std::string text) {
  while (!text.empty())
    if (const char32_t last = take_last(text); last < last_code_point)
      return text + utf8(next_of(last));
  return behind_all();
}

// An ASCII letter in lower case; anything else as it is.
char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

NameRange names_beginning_with(std::string_view beginning) {
  std::string text(beginning);
  std::ranges::transform(text, text.begin(), lower);
  if (text.empty()) return {"", behind_all()};

  std::string before = text;
  const char32_t last = take_last(before);
  if (const auto initial = initials.find(last); initial != initials.npos) {
    const auto first = first_syllable + static_cast<char32_t>(initial) * syllables_of_initial;
    return {before + utf8(first), before + utf8(first + syllables_of_initial)};
  }
  const bool is_syllable = last >= first_syllable && last <= last_syllable;
  if (is_syllable && (last - first_syllable) % finals == 0)
    return {text, before + utf8(last + finals)};
  return {text, behind(text)};
}

// The list continues after row $3, wherever its name sorts now; without that row, from the
// beginning of the range. The row may have been renamed since to something before the range.
std::string select_by_beginning(std::string_view table, std::string_view closed_at) {
  const std::string rows = "{schema}." + std::string(table);
  const std::string name = "lower(name COLLATE \"C\")";
  return "SELECT * FROM " + rows + " WHERE " + std::string(closed_at) + " IS NULL AND " + name +
         " < $2 AND (" + name + ", id) > (SELECT greatest(max(" + name + "), $1), CASE WHEN max(" +
         name +
         ") >= $1 THEN $3::uuid ELSE '00000000-0000-0000-0000-000000000000'::uuid END FROM " +
         rows + " WHERE id = $3::uuid) ORDER BY " + name + ", id LIMIT $4";
}

}  // namespace jangbu
