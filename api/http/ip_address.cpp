#include "api/http/ip_address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace jangbu::http {
namespace {

constexpr std::array<std::uint8_t, 12> mapping{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

IpAddress mapped(const in_addr& v4) {
  IpAddress address;
  std::ranges::copy(mapping, address.bytes.begin());
  std::memcpy(address.bytes.data() + mapping.size(), &v4, sizeof v4);
  return address;
}

IpAddress address_of(const in6_addr& v6) {
  IpAddress address;
  std::memcpy(address.bytes.data(), &v6, sizeof v6);
  return address;
}

}  // namespace

bool IpAddress::is_v4() const {
  return std::equal(mapping.begin(), mapping.end(), bytes.begin());
}

std::optional<IpAddress> parse_ip_address(std::string_view text) {
  if (text.find('\0') != text.npos) return std::nullopt;
  const std::string terminated(text);
  in_addr v4;
  if (::inet_pton(AF_INET, terminated.c_str(), &v4) == 1) return mapped(v4);
  in6_addr v6;
  if (::inet_pton(AF_INET6, terminated.c_str(), &v6) == 1) return address_of(v6);
  return std::nullopt;
}

std::string to_string(const IpAddress& address) {
  char text[INET6_ADDRSTRLEN];
  const std::size_t at = address.is_v4() ? mapping.size() : 0;
  ::inet_ntop(at > 0 ? AF_INET : AF_INET6, address.bytes.data() + at, text, sizeof text);
  return text;
}

IpAddress ip_address_of(const sockaddr& address) {
  if (address.sa_family == AF_INET)
    return mapped(reinterpret_cast<const sockaddr_in&>(address).sin_addr);
  if (address.sa_family == AF_INET6)
    return address_of(reinterpret_cast<const sockaddr_in6&>(address).sin6_addr);
  return {};
}

}  // namespace jangbu::http
