#include "tests/support/shop.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <stdexcept>

namespace jangbu::test {

namespace {

constexpr int services = 5;

}  // namespace

std::string jangbu_program() {
  return JANGBU_PROGRAM;
}

std::unique_ptr<Process> run_jangbu(const std::vector<std::string>& arguments,
                                    const std::filesystem::path& log,
                                    const std::vector<std::string>& environment,
                                    const std::filesystem::path& errors) {
  std::vector<std::string> command{"env"};
  for (char** variable = environ; *variable; ++variable) {
    const std::string_view text = *variable;
    if (text.starts_with("JANGBU_"))
      command.insert(command.end(), {"-u", std::string(text.substr(0, text.find('=')))});
  }
  command.insert(command.end(), environment.begin(), environment.end());
  command.emplace_back(JANGBU_PROGRAM);
  command.insert(command.end(), arguments.begin(), arguments.end());
  return std::make_unique<Process>(
      Process::Options{.command = command, .log = log, .errors = errors});
}

ServeProcess::ServeProcess(Options options)
    : options_(std::move(options)), port_base_(free_port_base()) {
  start();
}

void ServeProcess::launch() {
  std::vector<std::string> arguments{"serve",
                                     "--port-base",
                                     std::to_string(port_base_),
                                     "--nats-url",
                                     options_.nats_url,
                                     "--nats-monitor-url",
                                     options_.nats_monitor_url,
                                     "--database",
                                     options_.database,
                                     "--data",
                                     data()};
  arguments.insert(arguments.end(), options_.flags.begin(), options_.flags.end());
  std::vector<std::string> environment;
  if (!options_.quote_secret.empty())
    environment.push_back("JANGBU_QUOTE_SECRET=" + options_.quote_secret);
  environment.insert(environment.end(), options_.environment.begin(), options_.environment.end());
  process_ = run_jangbu(arguments, folder_.path() / "jangbu.log", environment);
}

void ServeProcess::start() {
  launch();
  wait_until(
      "jangbu serve",
      [this] {
        if (!process_->running()) throw std::runtime_error("jangbu serve ended:\n" + log_text());
        return ready();
      },
      150s);
  read_documents();
}

void ServeProcess::read_documents() {
  for (int service = 0; service < services; ++service) {
    auto& document = documents_[static_cast<std::size_t>(service)];
    if (document) continue;  // from an earlier start: clients may have it
    try {
      document = std::make_shared<OpenApiCheck>(
          HttpClient(port_base_ + service, {}, options_.tls).get("/openapi.json").json);
    } catch (const NoReply&) {
      // Not every process serves all of them.
    }
  }
}

bool ServeProcess::ready() {
  try {
    const Reply reply = client(Service::operations).get("/health/ready");
    return reply.status == 200 && reply.json.at("status") == "up";
  } catch (const NoReply&) {
    return false;
  }
}

int ServeProcess::stop(std::chrono::milliseconds deadline) {
  const int status = process_->stop(SIGTERM, deadline);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void ServeProcess::kill() {
  process_->stop(SIGKILL);
}

// proc(5)
std::chrono::milliseconds ServeProcess::processor_time() const {
  std::ifstream file("/proc/" + std::to_string(process_->pid()) + "/stat");
  std::string text;
  std::getline(file, text);
  std::istringstream fields(text.substr(text.rfind(')') + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  long user = 0;
  long system = 0;
  fields >> user >> system;
  return std::chrono::milliseconds((user + system) * 1'000 / ::sysconf(_SC_CLK_TCK));
}

std::size_t ServeProcess::most_memory_kib() const {
  std::ifstream file("/proc/" + std::to_string(process_->pid()) + "/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("VmHWM:")) return std::stoul(line.substr(line.find_first_of("123456789")));
  throw std::runtime_error("the process is not there");
}

double ServeProcess::metric(const std::string& sample) const {
  const std::string text = client(Service::operations).get("/metrics").body;
  const auto at = text.find("\n" + sample + " ");
  if (at == text.npos) throw std::runtime_error("no metric " + sample);
  return std::stod(text.substr(at + sample.size() + 2));
}

std::string ServeProcess::sanitizer_report() const {
  const std::string text = log_text();
  for (const std::string_view mark : {"Sanitizer", "runtime error"})
    if (text.find(mark) != std::string::npos) return text;
  return {};
}

Shop::Shop(std::vector<std::string> flags)
    : database(postgres.create_database()), jangbu(options(std::move(flags))) {}

Shop::Shop(NatsServer::Options nats_options, Place place)
    : nats(std::move(nats_options)),
      postgres({"fsync=off"}, place.database_volume),
      database(postgres.create_database()),
      jangbu({.nats_url = nats.url(),
              .nats_monitor_url = nats.monitor_url(),
              .database = database,
              .flags = std::move(place.flags),
              .environment = std::move(place.environment)}) {}

ServeProcess::Options Shop::options(std::vector<std::string> flags) const {
  return {.nats_url = nats.url(),
          .nats_monitor_url = nats.monitor_url(),
          .database = database,
          .flags = std::move(flags)};
}

}  // namespace jangbu::test
