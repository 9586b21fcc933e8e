// The address of a host, in one form for IPv4 and IPv6.
//
// Threads: plain values.
#pragma once

#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace jangbu::http {

struct IpAddress {
  // Of an IPv4 address those of the IPv6 address that maps it, ::ffff:a.b.c.d (RFC 4291, 2.5.5.2):
  // a socket for both families says that, too.
  std::array<std::uint8_t, 16> bytes{};

  bool is_v4() const;

  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
};

// Without port, brackets and zone: "192.0.2.1", "2001:db8::1".
std::optional<IpAddress> parse_ip_address(std::string_view text);
std::string to_string(const IpAddress& address);

// :: for any other family than the two. REQUIRES: an address of the size its family has.
IpAddress ip_address_of(const sockaddr& address);

}  // namespace jangbu::http
