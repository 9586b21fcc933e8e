// Whether a host is this very machine, so that nobody else is on the way to it.
#pragma once

#include <string_view>

namespace jangbu {

// "localhost", or an address of loopback; that of IPv6 with or without brackets, as in URLs.
bool is_loopback(std::string_view host);

}  // namespace jangbu
