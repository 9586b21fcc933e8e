// A private nats-server for a test: on loopback and free ports, with a folder of its own, and fsync
// before every acknowledgement unless disabled. The program is JANGBU_NATS_SERVER, or the one that
// infra/install fetched.
//
// Not thread-safe. Errors: std::runtime_error with the server's log when it does not start.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "tests/support/process.hpp"

namespace jangbu::test {

class NatsServer {
 public:
  struct Options {
    bool sync_always = true;
    bool jetstream = true;
    std::string extra = {};             // lines added to the configuration file
    std::string in_jetstream = {};      // lines added to its jetstream block
    std::filesystem::path volume = {};  // an existing folder for the store, which outlives this
  };

  NatsServer() : NatsServer(Options{}) {}
  explicit NatsServer(Options options);
  ~NatsServer();
  NatsServer(const NatsServer&) = delete;
  NatsServer& operator=(const NatsServer&) = delete;

  std::string url() const;
  std::string monitor_url() const;
  int port() const { return port_; }
  int monitor_port() const { return monitor_port_; }
  std::string log_text() const { return process_->log_text(); }
  // The folder of the streams.
  std::filesystem::path store() const { return volume() / "jetstream"; }

  // Starts it again, on the same ports and folder, after it has ended. Returns when it is ready.
  void start();
  // Replaces Options::extra by other lines, through SIGHUP, while it runs.
  void reload(std::string extra);
  void stop();    // SIGTERM, and waits for the end
  void kill();    // SIGKILL, and waits for the end
  void pause();   // SIGSTOP: connections stay open, nothing is answered
  void resume();  // SIGCONT

 private:
  std::filesystem::path write_configuration() const;
  std::filesystem::path volume() const {
    return options_.volume.empty() ? folder_.path() : options_.volume;
  }

  Options options_;
  TemporaryFolder folder_;
  const int port_;
  const int monitor_port_;
  std::unique_ptr<Process> process_;
};

}  // namespace jangbu::test
