#include "api/access_log.hpp"

#include <pthread.h>
#include <spdlog/async.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <chrono>

#include "api/json/text.hpp"
#include "infra/ids.hpp"

namespace jangbu {

namespace {

constexpr std::size_t queue_lines = 8'192;
constexpr std::chrono::seconds flush_interval{1};

spdlog::sink_ptr open_sink(const std::string& file) {
  if (file == "-") return std::make_shared<spdlog::sinks::stdout_sink_mt>();
  return std::make_shared<spdlog::sinks::basic_file_sink_mt>(file);  // appends
}

}  // namespace

class AccessLog::Impl {
 public:
  explicit Impl(const std::string& file)
      : threads_(std::make_shared<spdlog::details::thread_pool>(
            queue_lines, 1, [] { ::pthread_setname_np(::pthread_self(), "access-log"); })),
        logger_(std::make_shared<spdlog::async_logger>(
            "access", open_sink(file), threads_, spdlog::async_overflow_policy::overrun_oldest)) {
    logger_->set_formatter(std::make_unique<spdlog::pattern_formatter>(
        "%v", spdlog::pattern_time_type::utc, std::string("\n")));
    spdlog::register_logger(logger_);
    spdlog::flush_every(flush_interval);
  }
  ~Impl() {
    spdlog::drop("access");
    logger_->flush();
  }

  void write(std::string_view line) {
    logger_->log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
  }
  std::size_t dropped() const { return threads_->overrun_counter(); }

 private:
  const std::shared_ptr<spdlog::details::thread_pool> threads_;
  const std::shared_ptr<spdlog::async_logger> logger_;
};

AccessLog::AccessLog(const std::string& file) : impl_(std::make_unique<Impl>(file)) {}

AccessLog::~AccessLog() = default;

http::OnAccess AccessLog::of_service(std::string_view service) {
  return [this, service = std::string(service)](const http::Access& access) {
    impl_->write(access_line(service, access, to_string(system_now())));
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
  if (access.replayed) line.add("replayed", true);
  if (!access.complete) line.add("complete", false);
  return std::move(line).text();
}

}  // namespace jangbu
