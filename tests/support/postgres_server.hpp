// A private PostgreSQL for tests, on a Unix socket in a temporary folder of its own, and on a
// loopback port if asked for.
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
  // Makes a new cluster and starts it. `settings` are "name=value". By default it does not fsync: a
  // process that is killed loses nothing that it has written.
  // Its data is in `volume`, an existing folder, if one is named. With a port it listens there,
  // too.
  explicit PostgresServer(std::vector<std::string> settings = {"fsync=off"},
                          const std::filesystem::path& volume = {}, int port = 0);

  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  // How to reach a database of it.
  std::string conninfo(const std::string& database = "postgres") const;
  // Makes an empty database; its conninfo.
  std::string create_database();

  // REQUIRES: it does not run. Answers connections when this returns.
  void start();
  // Ends sessions, and stops in order.
  void stop();
  // kill -9 of the server and every process of it.
  void kill();
  // SIGSTOP of the server and every process of it: connections stay open, nothing is answered.
  void pause();
  void resume();  // SIGCONT

  bool running() { return process_->running(); }
  std::string log_text() const { return process_->log_text(); }

 private:
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
