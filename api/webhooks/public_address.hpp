// Which addresses are on the public Internet, so that whoever may choose the URL of a webhook
// cannot make this process call machines that only it can reach (server-side request forgery,
// SSRF). Sources: IANA's registries of special-purpose addresses (RFC 6890), of IPv4 and of IPv6.
//
// Threads: a pure function.
#pragma once

#include <sys/socket.h>

namespace jangbu::webhook {

// False for every address that is loopback, private, link-local (where clouds keep their metadata),
// shared, documentation, multicast, reserved, unspecified, and for every IPv6 address that embeds
// an IPv4 address, whichever that is (mapped, NAT64, 6to4, Teredo): which machine those reach is
// decided by a translator on the way. REQUIRES: an address of the size its family has.
bool is_public_address(const sockaddr& address);

}  // namespace jangbu::webhook
