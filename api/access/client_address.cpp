#include "api/access/client_address.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <stdexcept>

#include "api/http/ascii.hpp"
#include "infra/text.hpp"

namespace jangbu::access {

namespace {

using http::IpAddress;

constexpr std::size_t all_bits = 128;
constexpr std::size_t v4_bits = 32;
constexpr std::size_t v6_client_bits = 64;

// The address without what follows its first bits.
IpAddress prefix_of(IpAddress address, std::size_t bits) {
  for (std::size_t i = 0; i < address.bytes.size(); ++i) {
    const std::size_t kept = std::clamp<std::size_t>(bits, 8 * i, 8 * i + 8) - 8 * i;
    address.bytes[i] &= static_cast<std::uint8_t>(0xff00U >> kept);
  }
  return address;
}

std::optional<std::size_t> parse_bits(std::string_view digits, std::size_t most) {
  std::size_t bits = 0;
  const char* end = digits.data() + digits.size();
  const auto [read, error] = std::from_chars(digits.data(), end, bits);
  const bool is_plain = digits == "0" || !digits.starts_with('0');
  if (error != std::errc() || read != end || !is_plain || bits > most) return std::nullopt;
  return bits;
}

bool is_port(std::string_view digits) {
  return !digits.empty() && digits.size() <= 5 &&
         digits.find_first_not_of("0123456789") == digits.npos;
}

// An element of X-Forwarded-For. Some proxies add the client's port, and brackets (RFC 3986, 3.2.2)
// around an IPv6 address.
std::optional<IpAddress> forwarded_address(std::string_view text) {
  constexpr std::string_view blanks = " \t";
  text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  text = text.substr(0, text.find_last_not_of(blanks) + 1);
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == text.npos) return std::nullopt;
    const std::string_view rest = text.substr(end + 1);
    if (!rest.empty() && !(rest.front() == ':' && is_port(rest.substr(1)))) return std::nullopt;
    const auto address = http::parse_ip_address(text.substr(1, end - 1));
    return text.substr(1, end - 1).find(':') != text.npos ? address : std::nullopt;
  }
  if (const auto colon = text.find(':');
      colon != text.npos && text.find(':', colon + 1) == text.npos) {
    if (!is_port(text.substr(colon + 1))) return std::nullopt;
    text = text.substr(0, colon);
  }
  return http::parse_ip_address(text);
}

IpAddress believed_address(const http::Request& request, const TrustedProxies& proxies) {
  constexpr std::string_view field = "X-Forwarded-For";
  const auto is_trusted = [&](const IpAddress& address) {
    return std::ranges::any_of(proxies,
                               [&](const Network& network) { return network.contains(address); });
  };
  IpAddress client = request.peer;
  if (!is_trusted(client)) return client;
  for (std::size_t i = request.headers.size(); i-- > 0;) {
    const auto [name, list] = request.headers[i];
    if (!http::equal_ignoring_case(name, field)) continue;
    for (std::string_view left = list;;) {
      const auto comma = left.rfind(',');
      const auto address = forwarded_address(comma == left.npos ? left : left.substr(comma + 1));
      if (!address) return client;
      client = *address;
      if (!is_trusted(client)) return client;
      if (comma == left.npos) break;
      left = left.substr(0, comma);
    }
  }
  return client;
}

}  // namespace

Network::Network(std::string_view cidr) {
  const auto fail = [&](const std::string& why) {
    throw std::runtime_error("'" + visible(cidr) + "' is not a network: " + why);
  };
  const auto slash = cidr.find('/');
  const auto address = http::parse_ip_address(cidr.substr(0, slash));
  if (!address) fail("it begins with an address, such as 10.1.0.0/16 or 2001:db8::/32");
  const std::size_t most = address->is_v4() && cidr.find(':') == cidr.npos ? v4_bits : all_bits;
  bits_ = all_bits;
  if (slash != cidr.npos) {
    const auto bits = parse_bits(cidr.substr(slash + 1), most);
    if (!bits) fail("after the slash comes the length of its prefix, 0 to " + std::to_string(most));
    bits_ = all_bits - most + *bits;
  }
  base_ = prefix_of(*address, bits_);
  if (base_ != *address)
    fail("its address has bits beyond the prefix. Say " + to_string(base_) +
         std::string(cidr.substr(slash)));
}

bool Network::contains(const IpAddress& address) const {
  return address.is_v4() == base_.is_v4() && prefix_of(address, bits_) == base_;
}

IpAddress client_address(const http::Request& request, const TrustedProxies& proxies) {
  const IpAddress client = believed_address(request, proxies);
  return client.is_v4() ? client : prefix_of(client, v6_client_bits);
}

}  // namespace jangbu::access
