// Text from untrusted sources: which Unicode it may contain, and how to display it safely.
//
// Threads: pure functions.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

namespace jangbu {

enum class TextKind {
  // Names, address lines, carriers' texts: everything in them is visible. No control characters, no
  // line breaks, no bidi controls, and no invisible characters except those that affect the visible
  // character before them: joiners (U+200C, U+200D) between two visible characters, and variation
  // selectors after one.
  line,
  // A line that is still being typed: the same, but it may end with a joiner.
  beginning,
  // Descriptions, reasons: may also contain tabs, and line breaks, which all become LF. Invisible
  // characters are allowed, since pasted text contains them and nothing is identified by such a
  // text; bidi controls that reverse what follows are not.
  prose,
};

// Why a text is rejected, worded to follow its field's name: "must not have line breaks".
class BadText : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The text in the form in which it is stored: UTF-8 in NFC, without surrounding white space
// (Unicode's White_Space), of `min` to `max` characters, and with something visible in it unless it
// is empty. Throws BadText.
// Complexity: linear. A text that is far too long is recognised by its size in bytes; in any other
// at most 30 combining marks may follow one another (UAX #15, Stream-Safe Text), since ordering
// them takes time quadratic in their number.
std::string clean(std::string_view text, std::size_t min, std::size_t max, TextKind kind);

// Whether the text contains white space (Unicode's White_Space). REQUIRES: UTF-8.
bool has_white_space(std::string_view text);

// The common form of all spellings of the same text: trimmed, with LF, in NFC. Bytes that are not
// UTF-8 stay as they are. REQUIRES: no long runs of combining marks, which clean() rejects.
std::string normalised(std::string_view text);

// The text in a form that a terminal only displays: anything that would control the terminal, break
// the line, reverse what follows or be invisible is escaped as JSON may escape it (\u001b, \u202e),
// and bytes that are not UTF-8 become \x9b and the like. Tabs stay, and JSON stays the same JSON.
std::string visible(std::string_view text);
// The same, but line feeds stay too, as layout.
std::string visible_lines(std::string_view text);

}  // namespace jangbu
