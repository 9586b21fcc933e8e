// The connection to NATS that all webhooks of a process share. It is made when it is first needed,
// so that a server which is away when the process starts is waited for as one that goes away later.
//
// Threads: any. Errors: Unavailable.
#pragma once

#include <chrono>
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

  explicit NatsLink(std::string url) : url_(std::move(url)) {}

  // Whoever uses it holds it.
  EndsPtr get() {
    const std::lock_guard lock(mutex_);
    if (closed_) throw Unavailable("this process is stopping");
    if (!ends_) ends_ = std::make_shared<Ends>(url_);
    return ends_;
  }

  // Ends the connection once nobody uses it any more, for good.
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    ends_.reset();
  }

 private:
  const std::string url_;
  std::mutex mutex_;
  EndsPtr ends_;
  bool closed_ = false;
};

}  // namespace jangbu::webhook
