// A private nats-server of a test: loopback, free ports, a folder of its own, fsync before every
// acknowledgement unless asked otherwise. The program is JANGBU_NATS_SERVER, or the one that
// infra/install fetched.
//
// Not thread-safe. Errors: std::runtime_error with the server's log when it does not come up.
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
    std::string in_jetstream = {};      // and to its block about JetStream
    std::filesystem::path volume = {};  // an existing folder: the store is in it, and outlives this
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
  // Where the streams are kept.
  std::filesystem::path store() const { return volume() / "jetstream"; }

  // Again on the same ports and folder, when it has ended. Returns when it is ready.
  void start();
  // Other lines in the place of Options::extra, by SIGHUP, while it runs.
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
