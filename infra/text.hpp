// Texts that strangers write: what of Unicode a text may have, and how one looks that is not to be
// trusted.
//
// Threads: pure functions.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

namespace jangbu {

enum class TextKind {
  // Names, lines of an address, what a carrier writes: everything in them can be seen. No control
  // characters, no line breaks, no bidi controls, and of what is invisible only what changes the
  // visible character before it: joiners (U+200C, U+200D) between two, variation selectors behind
  // one.
  line,
  // Of a line that is being typed: likewise, but it may end with a joiner.
  beginning,
  // Descriptions, reasons: line breaks, all of which become LF, and tabs, too. Invisible characters
  // may be there, since they come with what is pasted and no text is told from another by them; but
  // no bidi controls that reverse what follows.
  prose,
};

// Why a text cannot be taken, to be put behind its field's name: "must not have line breaks".
class BadText : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The text as it is kept: UTF-8 in NFC, without white space around it (Unicode's White_Space), of
// `min` to `max` characters, and with something visible in it unless it is empty. Throws BadText.
// Complexity: linear. A text that is too long is known by its bytes; of one that is not, at most 30
// combining marks may follow one another (UAX #15, Stream-Safe Text), since to bring them into
// order takes the square of their number.
std::string clean(std::string_view text, std::size_t min, std::size_t max, TextKind kind);

// Unicode's White_Space. REQUIRES: UTF-8.
bool has_white_space(std::string_view text);

// How all that mean the same text are written: trimmed, with LF, in NFC. Bytes that are not UTF-8
// stay as they are. REQUIRES: a text without long runs of combining marks, such as clean() takes.
std::string normalised(std::string_view text);

// The text so that a terminal only shows it: whatever would steer it, break the line, reverse what
// follows or cannot be seen is written as JSON may write it (\u001b, \u202e), and bytes that are
// not UTF-8 as \x9b. Tabs stay, and JSON stays the same JSON.
std::string visible(std::string_view text);
// Likewise, but line feeds are the layout, and stay, too.
std::string visible_lines(std::string_view text);

}  // namespace jangbu
