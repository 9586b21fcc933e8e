// libpq connection strings: validating one, and showing one without its secrets. libpq's own
// message about an invalid string quotes it, including the password.
//
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>

namespace jangbu::pg {

// What is wrong with the string, worded for people and without quoting it; empty when nothing is. A
// URI with a stray '@' is rejected: libpq would take part of the password for a host.
std::string check_conninfo(const std::string& conninfo);

// The string with `***` in place of the values that libpq itself hides, such as `password`, and of
// the user in a URI. An invalid string becomes `***` altogether.
std::string without_secrets(const std::string& conninfo);

}  // namespace jangbu::pg
