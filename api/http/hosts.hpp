// By which names clients may call a server. A page of another site can make its own name point to
// this machine (DNS rebinding): to the browser it is then of the server's origin, and may read
// everything. Only the Host that the browser sends gives it away.
//
// Threads: filled by one thread, then only read, by all workers.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jangbu::http {

// "localhost:11001" in its parts. The host is in lower case, an IPv6 address without its brackets
// and in its shortest form; the port has digits only, and is empty where there is none.
struct Authority {
  std::string host;
  std::string port;
};

// None: it is not valid.
std::optional<Authority> parse_authority(std::string_view text);

class Hosts {
 public:
  Hosts() = default;  // any name will do

  // Names and addresses without port: "localhost", "::1". Those that are not valid are nobody's.
  explicit Hosts(const std::vector<std::string>& names);

  bool takes_any() const { return names_.empty(); }

  // Whatever its port is: proxies and tunnels have ports of their own.
  bool contains(std::string_view authority) const;

 private:
  std::vector<std::string> names_;
};

}  // namespace jangbu::http
