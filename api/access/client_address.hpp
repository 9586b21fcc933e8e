// The address that a request counts for, where it is not known who asks.
//
// Threads: constants, shared. Errors: std::runtime_error, for a network that is none.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "api/http/ip_address.hpp"
#include "api/http/message.hpp"

namespace jangbu::access {

// In CIDR notation (RFC 4632, 3.1; RFC 4291, 2.3): "10.1.0.0/16", "2001:db8::/32", "192.0.2.7".
class Network {
 public:
  // An address alone is a network of one; an address with more bits than the prefix is refused.
  explicit Network(std::string_view cidr);

  bool contains(const http::IpAddress& address) const;

 private:
  http::IpAddress base_;
  std::size_t bits_ = 0;  // of all 16 bytes
};

// The proxies whose X-Forwarded-For is believed: each adds the address that it was asked by.
using TrustedProxies = std::vector<Network>;

// Whoever asked the outermost trusted proxy: the rightmost address of X-Forwarded-For that is not
// one's itself, or the peer where it is none. What a client has written there before stands further
// left, and is not looked at. Where a trusted proxy says nothing, or something else than an
// address, it is the client itself. An IPv6 client is its network of 64 bits, in which it chooses
// addresses as it likes (RFC 8981).
http::IpAddress client_address(const http::Request& request, const TrustedProxies& proxies);

}  // namespace jangbu::access
