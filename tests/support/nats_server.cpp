#include "tests/support/nats_server.hpp"

#include <signal.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

namespace jangbu::test {

namespace {

std::string nats_server_program() {
  if (const char* named = std::getenv("JANGBU_NATS_SERVER"); named && *named) return named;
  const std::string fetched = JANGBU_TOOLS "/usr/sbin/nats-server";
  return std::filesystem::exists(fetched) ? fetched : "nats-server";
}

// As infra/up does.
std::vector<std::string> environment() {
  if (std::getenv("GOMAXPROCS")) return {};
  return {"GOMAXPROCS=" + std::to_string((std::thread::hardware_concurrency() + 1) / 2)};
}

}  // namespace

NatsServer::NatsServer(Options options)
    : options_(std::move(options)), port_(free_port_base()), monitor_port_(port_ + 1) {
  start();
}

NatsServer::~NatsServer() {
  resume();  // a paused process would not see that it is asked to stop
}

std::string NatsServer::url() const {
  return "nats://127.0.0.1:" + std::to_string(port_);
}

std::string NatsServer::monitor_url() const {
  return "http://127.0.0.1:" + std::to_string(monitor_port_);
}

std::filesystem::path NatsServer::write_configuration() const {
  const auto configuration = folder_.path() / "nats.conf";
  std::ofstream file(configuration);
  file << "listen: \"127.0.0.1:" << port_ << "\"\n"
       << "http: \"127.0.0.1:" << monitor_port_ << "\"\n";
  if (options_.jetstream) {
    file << "jetstream {\n  store_dir: '" << volume().string() << "'\n"
         << options_.in_jetstream << "\n"
         << (options_.sync_always ? "  sync_interval: always\n" : "") << "}\n";
  }
  file << options_.extra << "\n";
  return configuration;
}

void NatsServer::start() {
  process_ = std::make_unique<Process>(
      Process::Options{.command = {nats_server_program(), "-c", write_configuration().string()},
                       .log = folder_.path() / "nats.log",
                       .environment = environment()});
  // Ports are opened after the streams have been recovered.
  wait_until("nats-server", [this] {
    return !process_->running() ||
           (accepts_connections(port_) && accepts_connections(monitor_port_));
  });
  if (!process_->running())
    throw std::runtime_error("nats-server ended at its start:\n" + process_->log_text());
}

void NatsServer::reload(std::string extra) {
  options_.extra = std::move(extra);
  write_configuration();
  process_->signal(SIGHUP);
}

void NatsServer::stop() {
  process_->stop(SIGTERM);
}

void NatsServer::kill() {
  process_->stop(SIGKILL);
}

void NatsServer::pause() {
  process_->pause();
}

void NatsServer::resume() {
  process_->signal(SIGCONT);
}

}  // namespace jangbu::test
