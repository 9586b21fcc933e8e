#include "api/cli/tool.hpp"

#include <signal.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>

#include "api/telemetry/log_format.hpp"
#include "events/errors.hpp"
#include "infra/text.hpp"

namespace jangbu::cli {

using namespace std::chrono_literals;

namespace {

constexpr auto longest_connect = 5s;

void log_to_stderr() {
  auto logger = std::make_shared<spdlog::logger>(
      "jangbu", std::make_shared<spdlog::sinks::stderr_color_sink_st>());
  logger->set_formatter(log_format("jangbu: %v"));
  logger->set_level(spdlog::level::err);
  spdlog::set_default_logger(std::move(logger));
}

sigset_t stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

void require_written(bool written) {
  if (written) return;
  if (errno == EPIPE) throw Interrupted{SIGPIPE};
  throw Failure(std::string("cannot write to standard output: ") + std::strerror(errno));
}

}  // namespace

bool Interrupted::is_stop() const {
  return signal == SIGINT || signal == SIGTERM;
}

void print(std::string_view said) {
  const std::string text = visible_lines(said);
  require_written(std::fwrite(text.data(), 1, text.size(), stdout) == text.size());
}

void flush_output() {
  require_written(std::fflush(stdout) == 0);
}

void tell(const std::string& text) {
  std::fprintf(stderr, "jangbu: %s\n", visible(text).c_str());
}

int run_tool(const std::function<int()>& tool) {
  log_to_stderr();
  ::signal(SIGPIPE, SIG_IGN);  // the write fails with EPIPE instead
  try {
    const int status = tool();
    flush_output();
    return status;
  } catch (const Interrupted& interrupted) {
    return 128 + interrupted.signal;
  } catch (const std::exception& error) {
    tell(error.what());
    return 1;
  }
}

StopSignals::StopSignals() {
  const sigset_t signals = stop_signals();
  pthread_sigmask(SIG_BLOCK, &signals, &before_);
}

StopSignals::~StopSignals() {
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void StopSignals::check() const {
  const sigset_t signals = stop_signals();
  const timespec at_once{};
  if (const int signal = ::sigtimedwait(&signals, nullptr, &at_once); signal > 0) came_ = signal;
  if (const int signal = came_; signal != 0) throw Interrupted{signal};
}

std::optional<int> StopSignals::wait(std::chrono::milliseconds time) const {
  const sigset_t signals = stop_signals();
  const timespec longest{.tv_sec = time / 1s, .tv_nsec = (time % 1s) / 1ns};
  const int signal = ::sigtimedwait(&signals, nullptr, &longest);
  return signal > 0 ? std::optional(signal) : std::nullopt;
}

std::unique_ptr<JetStreamLog> open_existing_log(const JetStreamOptions& options) {
  try {
    auto log = JetStreamLog::connect(options, longest_connect);
    log->last();
    return log;
  } catch (const Unavailable& away) {
    throw Failure(std::string(away.what()) + ". See --nats-url (JANGBU_NATS_URL)");
  } catch (const Corrupt& corrupt) {
    throw Failure(std::string(corrupt.what()) +
                  ". Name the event log's stream with --stream (JANGBU_STREAM), or its server with "
                  "--nats-url");
  }
}

}  // namespace jangbu::cli
