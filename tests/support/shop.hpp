// A complete shop for a test: a private nats-server, a private PostgreSQL and the real
// `jangbu serve` on private ports.
//
// Not thread-safe, except ServeProcess::port() and client(). Errors: std::runtime_error with the
// log of whatever failed to start.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/http_client.hpp"
#include "tests/support/nats_server.hpp"
#include "tests/support/postgres_server.hpp"
#include "tests/support/process.hpp"

namespace jangbu::test {

enum class Service { operations, account, product, purchase, delivery };

// The path of the program under test.
std::string jangbu_program();

// Runs the program under test with these arguments and without the caller's JANGBU_… variables. Its
// stderr goes to `errors` if given, otherwise to `log` with the rest.
std::unique_ptr<Process> run_jangbu(const std::vector<std::string>& arguments,
                                    const std::filesystem::path& log,
                                    const std::vector<std::string>& environment = {},
                                    const std::filesystem::path& errors = {});

// A running `jangbu serve`.
class ServeProcess {
 public:
  struct Options {
    std::string nats_url;
    std::string nats_monitor_url;
    std::string database;
    std::vector<std::string> flags = {};
    std::vector<std::string> environment = {};  // additional "NAME=value"
    // What all instances of one shop share. Empty: it makes its own.
    std::string quote_secret = "what all instances of a test know";
    std::optional<TlsClient::Options> tls = {};  // of its clients; null: plain HTTP
  };

  // Starts it and returns when it accepts commands and answers queries.
  explicit ServeProcess(Options options);

  // Start it again on the same ports after it has ended; start() returns when it is ready, launch()
  // at once.
  void start();
  void launch();
  bool ready();

  // SIGTERM, and waits for the end. Returns the exit status, or minus the signal that ended it.
  int stop(std::chrono::milliseconds deadline = 60s);
  void kill();  // SIGKILL, and waits for the end
  pid_t pid() const { return process_->pid(); }
  void signal(int number) const { process_->signal(number); }
  bool running() { return process_ && process_->running(); }

  std::chrono::milliseconds processor_time() const;  // CPU time used so far
  std::size_t most_memory_kib() const;               // peak resident memory so far

  int port(Service service) const { return port_base_ + static_cast<int>(service); }
  int port_base() const { return port_base_; }
  // A client that checks every answer against the service's OpenAPI document.
  HttpClient client(Service service) const {
    return HttpClient(port(service), document(service), options_.tls);
  }
  // Null when the process does not serve the service.
  std::shared_ptr<OpenApiCheck> document(Service service) const {
    return documents_[static_cast<std::size_t>(service)];
  }

  // The value of one sample in /metrics, given its name and labels as written there.
  double metric(const std::string& sample) const;

  std::string log_text() const { return process_->log_text(); }
  std::filesystem::path data() const { return folder_.path() / "data"; }
  // A sanitizer's findings, if the program was built with one; empty otherwise.
  std::string sanitizer_report() const;

 private:
  void read_documents();

  Options options_;
  TemporaryFolder folder_;
  int port_base_;
  std::unique_ptr<Process> process_;
  std::array<std::shared_ptr<OpenApiCheck>, 5> documents_;  // null: not served, or not read yet
};

struct Shop {
  explicit Shop(std::vector<std::string> flags = {});

  struct Place {
    std::filesystem::path database_volume = {};  // see PostgresServer
    std::vector<std::string> flags = {};
    std::vector<std::string> environment = {};
  };
  // A shop with servers and settings of the caller's choice, for tests of failures.
  Shop(NatsServer::Options nats_options, Place place);

  // Options for one more process on the same log and read models.
  ServeProcess::Options options(std::vector<std::string> flags = {}) const;

  HttpClient operations() const { return jangbu.client(Service::operations); }
  HttpClient accounts() const { return jangbu.client(Service::account); }
  HttpClient products() const { return jangbu.client(Service::product); }
  HttpClient purchases() const { return jangbu.client(Service::purchase); }
  HttpClient deliveries() const { return jangbu.client(Service::delivery); }

  NatsServer nats;
  PostgresServer postgres;
  std::string database;  // as libpq takes it
  ServeProcess jangbu;
};

}  // namespace jangbu::test
