#include "api/telemetry/access_log.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "events/measures.hpp"
#include "infra/ids.hpp"
#include "infra/json.hpp"
#include "infra/log.hpp"

namespace jangbu {

namespace {

constexpr std::size_t most_bytes = 16 * 1024 * 1024;  // waiting to be written
constexpr std::chrono::milliseconds interval{100};    // between two writes
constexpr std::chrono::seconds warning_interval{60};

spdlog::sink_ptr open_sink(const std::string& file) {
  if (file == "-") return std::make_shared<spdlog::sinks::stdout_sink_mt>();
  // Created here, since spdlog would let everybody read it. An existing file stays as it is.
  constexpr ::mode_t private_file = 0600;
  if (const int made = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, private_file);
      made >= 0)
    ::close(made);
  return std::make_shared<spdlog::sinks::basic_file_sink_mt>(file);  // appends
}

}  // namespace

// Lines accumulate, and a thread writes them all at once a few times a second: waking it for each
// line would cost more than the line.
class AccessLog::Impl {
 public:
  explicit Impl(const std::string& file) : sink_(open_sink(file)) {
    // Lines already end with a line break.
    sink_->set_formatter(std::make_unique<spdlog::pattern_formatter>(
        "%v", spdlog::pattern_time_type::utc, std::string()));
    thread_ = std::jthread([this](const std::stop_token& stop) {
      ::pthread_setname_np(::pthread_self(), "access-log");
      run(stop);
    });
  }

  void add(std::string_view line) {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() + line.size() >= most_bytes) return dropped_.add();
    waiting_.append(line).push_back('\n');
  }
  std::size_t dropped() const { return dropped_.value(); }

 private:
  void run(const std::stop_token& stop) {
    std::string lines;
    for (bool stopping = false; !stopping;) {
      {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, stop, interval, [] { return false; });
        stopping = stop.stop_requested();
        lines.swap(waiting_);
      }
      if (!lines.empty()) write(lines);
      lines.clear();
    }
  }

  void write(const std::string& lines) {
    try {
      sink_->log({"access", spdlog::level::info, spdlog::string_view_t(lines)});
      sink_->flush();
    } catch (const spdlog::spdlog_ex& error) {
      dropped_.add(static_cast<std::uint64_t>(std::ranges::count(lines, '\n')));
      const auto now = std::chrono::steady_clock::now();
      if (now - last_warning_ < warning_interval) return;
      last_warning_ = now;
      log::warn("the access log is not complete: {}", error.what());
    }
  }

  const spdlog::sink_ptr sink_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::string waiting_;
  Counter dropped_;
  std::chrono::steady_clock::time_point last_warning_;
  std::jthread thread_;  // last: it uses everything above
};

AccessLog::AccessLog(const std::string& file) : impl_(std::make_unique<Impl>(file)) {}

AccessLog::~AccessLog() = default;

http::OnAccess AccessLog::of_service(std::string_view service) {
  return [this, service = std::string(service)](const http::Access& access) {
    impl_->add(access_line(service, access, to_string(system_now())));
  };
}

std::size_t AccessLog::dropped() const {
  return impl_->dropped();
}

std::string access_line(std::string_view service, const http::Access& access, std::string_view at) {
  using std::chrono::duration_cast;
  using std::chrono::microseconds;
  Json line{{"time", at}, {"service", service}};
  line.add("method", access.method ? Json(http::to_string(*access.method)) : Json());
  line.add("route", access.route ? Json(access.route->pattern) : Json());
  line.add("status", access.status);
  line.add("bytes", access.bytes);
  line.add("durationUs", duration_cast<microseconds>(access.duration).count());
  line.add("requestId", access.request_id);
  if (!access.traceparent.empty()) line.add("traceparent", access.traceparent);
  if (!access.asker.empty()) line.add("asker", access.asker);
  if (!access.denied.empty()) line.add("denied", access.denied);
  if (access.forwarded) line.add("forwarded", true);
  if (access.replayed) line.add("replayed", true);
  if (!access.complete) line.add("complete", false);
  return std::move(line).text();
}

}  // namespace jangbu
