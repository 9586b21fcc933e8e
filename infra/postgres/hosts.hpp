// The hosts of a connection string that names several, for those who connect without blocking.
// libpq goes on to the next host when one refuses, but waits for ever for one that is silent: its
// connect_timeout is for those who block. So a silent host is left out of the next attempt.
//
// Threads: one at a time. Errors: none. An invalid string has no hosts; connecting tells.
#pragma once

#include <libpq-fe.h>

#include <string>
#include <vector>

namespace jangbu::pg {

class Hosts {
 public:
  explicit Hosts(const std::string& conninfo);

  // Leaves out the host that this connection is at. False if no other is left; then none is left
  // out.
  bool leave_out(const PGconn* silent);
  void take_all();

  // What stands in place of the conninfo's settings of these names; empty: they stay.
  std::string host() const { return list_of(&Host::name); }
  std::string hostaddr() const { return list_of(&Host::address); }
  std::string port() const { return list_of(&Host::port); }

 private:
  struct Host {
    std::string name;
    std::string address;
    std::string port;
  };

  std::string list_of(std::string Host::*setting) const;

  std::vector<Host> all_;
  std::vector<Host> left_;
};

}  // namespace jangbu::pg
