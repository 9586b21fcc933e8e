// The names by which clients may call a server. A page of another site can make its own name point
// to this machine (DNS rebinding): the browser then takes it to be of the server's origin, and lets
// it read everything. Only the Host that the browser sends gives it away.
//
// Threads: filled by one thread, then only read, by all workers.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jangbu::http {

// "localhost:11001" split into its parts. The host is in lower case, an IPv6 address without
// brackets and in its shortest form; the port has only digits, and is empty if there is none.
struct Authority {
  std::string host;
  std::string port;
};

// nullopt: it is not valid.
std::optional<Authority> parse_authority(std::string_view text);

class Hosts {
 public:
  Hosts() = default;  // accepts any name

  // Names and addresses without a port: "localhost", "::1". Invalid ones match nothing.
  explicit Hosts(const std::vector<std::string>& names);

  bool takes_any() const { return names_.empty(); }

  // The port does not matter: proxies and tunnels have ports of their own.
  bool contains(std::string_view authority) const;

 private:
  std::vector<std::string> names_;
};

}  // namespace jangbu::http
