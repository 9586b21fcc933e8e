// Connection strings of libpq: what is wrong with one, and how it may be shown. What libpq says of
// one that it cannot read quotes it, and with it the password.
//
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>

namespace jangbu::pg {

// For people, without a word of the text itself; empty when nothing is wrong. A URI in which an '@'
// is left over is wrong: libpq takes a part of the password for a host then.
std::string check_conninfo(const std::string& conninfo);

// With `***` in the place of what libpq itself hides, such as `password`, and of who connects in a
// URI. One that something is wrong with is `***` altogether.
std::string without_secrets(const std::string& conninfo);

}  // namespace jangbu::pg
