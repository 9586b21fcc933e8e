#include "infra/eventlog/server_urls.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace jangbu {

namespace {

constexpr std::array<std::string_view, 6> schemes{"nats://", "tls://",  "ws://",
                                                  "wss://",  "http://", "https://"};

std::string_view scheme_of(std::string_view text) {
  for (const std::string_view scheme : schemes)
    if (text.starts_with(scheme)) return scheme;
  return {};
}

// Where the next URL with a scheme begins. A comma alone is not enough: it may be part of a
// password.
std::size_t next_url(std::string_view urls) {
  for (auto comma = urls.find(','); comma != urls.npos; comma = urls.find(',', comma + 1))
    if (!scheme_of(urls.substr(comma + 1)).empty()) return comma;
  return urls.size();
}

bool is_host_and_port(std::string_view text) {
  const auto colon = text.rfind(':');
  const bool is_address = text.starts_with('[') && text.find(']') != text.npos;  // IPv6
  const bool has_port = colon != text.npos && (!is_address || colon > text.find(']'));
  const std::string_view port = has_port ? text.substr(colon + 1) : std::string_view();
  if (has_port && (port.empty() || port.size() > 5)) return false;
  if (!std::ranges::all_of(port, [](unsigned char c) { return std::isdigit(c) != 0; }))
    return false;
  std::string_view host = has_port ? text.substr(0, colon) : text;
  const std::string_view others = is_address ? ":." : ".-_";
  if (is_address) {
    if (!host.ends_with(']')) return false;
    host = host.substr(1, host.size() - 2);
  }
  return !host.empty() && std::ranges::all_of(host, [&](unsigned char c) {
    return std::isalnum(c) || others.find(static_cast<char>(c)) != others.npos;
  });
}

// Whether the text is a comma-separated list of hosts with ports, each with or without a trailing
// slash.
bool are_hosts(std::string_view text) {
  for (;;) {
    const auto end = std::min(text.find(','), text.size());
    std::string_view host = text.substr(0, end);
    if (host.ends_with('/')) host.remove_suffix(1);
    if (!is_host_and_port(host)) return false;
    if (end == text.size()) return true;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

std::string without_credentials(std::string_view urls) {
  std::string shown;
  while (!urls.empty()) {
    const auto end = next_url(urls);
    std::string_view url = urls.substr(0, end);
    const std::string_view scheme = scheme_of(url);
    url.remove_prefix(scheme.size());
    shown += scheme;
    if (const auto at = url.rfind('@'); at != url.npos) {
      url.remove_prefix(at + 1);
      shown += are_hosts(url) ? "***@" : "";
    }
    shown += are_hosts(url) ? url : "***";
    if (end < urls.size()) shown += ',';
    urls.remove_prefix(std::min(end + 1, urls.size()));
  }
  return shown;
}

}  // namespace jangbu
