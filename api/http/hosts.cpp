#include "api/http/hosts.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>

#include "api/http/ascii.hpp"

namespace jangbu::http {

namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), to_lower);
  return result;
}

// An IPv6 address has many spellings, and an IPv4 address may be written as an IPv6 one.
std::string as_compared(const std::string& host) {
  in6_addr address{};
  if (::inet_pton(AF_INET6, host.c_str(), &address) != 1) return host;
  char text[INET6_ADDRSTRLEN] = {};
  if (IN6_IS_ADDR_V4MAPPED(&address))
    ::inet_ntop(AF_INET, &address.s6_addr[12], text, sizeof text);
  else
    ::inet_ntop(AF_INET6, &address, text, sizeof text);
  return text;
}

}  // namespace

std::optional<Authority> parse_authority(std::string_view text) {
  const bool is_bracketed = text.starts_with('[');
  const std::size_t end = is_bracketed ? text.find(']') : std::min(text.find(':'), text.size());
  if (end == text.npos || end == 0) return std::nullopt;
  std::string_view port = text.substr(end + (is_bracketed ? 1 : 0));
  if (!port.empty()) {
    if (port.front() != ':') return std::nullopt;
    port.remove_prefix(1);
    if (!std::ranges::all_of(port, is_digit)) return std::nullopt;
  }
  if (!is_bracketed) return Authority{lower(text.substr(0, end)), std::string(port)};
  const std::string inside(text.substr(1, end - 1));
  in6_addr address{};
  if (::inet_pton(AF_INET6, inside.c_str(), &address) != 1) return std::nullopt;
  return Authority{as_compared(inside), std::string(port)};
}

Hosts::Hosts(const std::vector<std::string>& names) {
  for (const std::string& name : names) names_.push_back(as_compared(lower(name)));
}

bool Hosts::contains(std::string_view authority) const {
  if (takes_any()) return true;
  const auto called = parse_authority(authority);
  return called && std::ranges::find(names_, called->host) != names_.end();
}

}  // namespace jangbu::http
