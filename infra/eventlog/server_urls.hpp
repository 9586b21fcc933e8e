// URLs of servers as people may see them. Who connects is a secret, too: NATS takes a token in the
// user's place.
//
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>

namespace jangbu {

// One URL, or several separated by commas, with `***@` in the place of credentials: of everything
// up to the last '@', since people do not always percent-encode their passwords. What is not a host
// and a port behind it becomes `***`.
std::string without_credentials(std::string_view urls);

}  // namespace jangbu
