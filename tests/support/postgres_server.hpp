// A private PostgreSQL for tests, on a Unix socket in a temporary folder of its own, and on a
// loopback port if requested.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/process.hpp"

namespace jangbu::test {

// Threads: one at a time. The destructor stops the server and removes its data.
class PostgresServer {
 public:
  // Creates a new cluster and starts it. `settings` are "name=value". It does not fsync by default:
  // killing the process loses nothing that it has written. Its data is in `volume`, an existing
  // folder, if given. If a port is given, it also listens there.
  explicit PostgresServer(std::vector<std::string> settings = {"fsync=off"},
                          const std::filesystem::path& volume = {}, int port = 0);

  // A hot standby of this one, which follows it by streaming replication, asynchronously. It asks
  // for a copy, starts, and answers queries. It listens on a port of its own if one is given.
  static std::unique_ptr<PostgresServer> standby_of(const PostgresServer& primary, int port = 0);

  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  // The conninfo of one of its databases.
  std::string conninfo(const std::string& database = "postgres") const;
  // The same with another server as the second host.
  std::string conninfo_with(const PostgresServer& other, const std::string& database) const;
  // Creates an empty database and returns its conninfo.
  std::string create_database();

  // REQUIRES: not running. Returns when it answers connections.
  void start();
  // Ends all sessions and stops in an orderly way.
  void stop();
  // kill -9 of the server and all its processes.
  void kill();
  // SIGSTOP of the server and all its processes: connections stay open, nothing is answered.
  void pause();
  void resume();  // SIGCONT
  // Makes a standby a primary, and returns when it takes writes.
  void promote();

  bool running() { return process_->running(); }
  std::string log_text() const { return process_->log_text(); }

 private:
  struct Settings {
    std::vector<std::string> settings;
    std::filesystem::path volume = {};
    int port = 0;
  };
  // Of no cluster yet.
  explicit PostgresServer(Settings settings);

  TemporaryFolder folder_;
  const std::filesystem::path data_;
  std::vector<std::string> settings_;
  int port_ = 0;
  std::filesystem::path programs_;
  std::unique_ptr<Process> process_;
  std::vector<pid_t> paused_;
  int databases_ = 0;
};

}  // namespace jangbu::test
