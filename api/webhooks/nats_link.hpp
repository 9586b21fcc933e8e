// The connection to NATS that all webhooks of a process share. It is made when it is first needed,
// so that a server which is away when the process starts is waited for as one that goes away later.
// For a second after that has failed nobody tries again, so that those who wait for it do not wait
// for one attempt each.
//
// Threads: any. Errors: Unavailable.
#pragma once

#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "events/errors.hpp"
#include "infra/eventlog/jetstream_api.hpp"
#include "infra/eventlog/nats_connection.hpp"

namespace jangbu::webhook {

class NatsLink {
 public:
  struct Ends {
    explicit Ends(const std::string& url)
        : connection(url, "webhooks", std::chrono::milliseconds(0)),
          api(connection, std::chrono::seconds(2)) {}

    NatsConnection connection;
    JetStreamApi api;
  };

  using EndsPtr = std::shared_ptr<Ends>;
  using Clock = std::chrono::steady_clock;

  explicit NatsLink(std::string url) : url_(std::move(url)) {}

  // Whoever uses it holds it.
  EndsPtr get() {
    const std::lock_guard lock(mutex_);
    if (closed_) throw Unavailable("this process is stopping");
    if (ends_) return ends_;
    if (Clock::now() < again_at_) throw Unavailable(why_not_);
    try {
      ends_ = std::make_shared<Ends>(url_);
    } catch (const std::exception& error) {
      why_not_ = error.what();
      again_at_ = Clock::now() + std::chrono::seconds(1);
      throw;
    }
    return ends_;
  }

  // Ends the connection once nobody uses it any more, for good.
  void close() {
    closed_ = true;
    const std::lock_guard lock(mutex_);
    ends_.reset();
  }

 private:
  const std::string url_;
  std::mutex mutex_;
  EndsPtr ends_;
  std::string why_not_;
  Clock::time_point again_at_;
  std::atomic<bool> closed_ = false;
};

}  // namespace jangbu::webhook
