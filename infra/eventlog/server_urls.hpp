// Server URLs in a form fit for people to see. User names are hidden too: NATS accepts a token in
// place of the user.
//
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>

namespace jangbu {

// One URL, or several separated by commas, with `***@` in place of credentials: everything up to
// the last '@', since people do not always percent-encode their passwords. What remains becomes
// `***` unless it is a host and port.
std::string without_credentials(std::string_view urls);

}  // namespace jangbu
