// The webhooks of this process: one courier for each endpoint of the configuration, which can
// change while they work.
//
// Threads: members from any, configure() from one at a time. Ownership: tasks that are handed in
// run on a thread of this object, or inside run(), and end before it does.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "api/log/log_tasks.hpp"
#include "api/webhooks/courier.hpp"
#include "api/webhooks/endpoint.hpp"
#include "api/webhooks/nats_link.hpp"

namespace jangbu::webhook {

class Webhooks {
 public:
  struct Options {
    std::string nats_url = "nats://127.0.0.1:4222";  // of the public stream
    Courier::Options courier = {};
  };

  Webhooks(Options options, std::vector<Endpoint> endpoints);
  ~Webhooks() { stop(); }
  Webhooks(const Webhooks&) = delete;
  Webhooks& operator=(const Webhooks&) = delete;

  // From now on there are these. Those that have not changed go on undisturbed. What a removed one
  // had not delivered waits for it, should it come back while the stream still has it.
  void configure(std::vector<Endpoint> endpoints);

  // Breaks off every POST, gives back its event, and leaves NATS, so that other processes get it.
  // What was last known of each can still be asked for.
  void stop();

  using CourierPtr = std::shared_ptr<Courier>;
  std::vector<CourierPtr> all() const;           // by name
  CourierPtr find(std::string_view name) const;  // null when there is none

  // Runs what asks NATS on a thread that may wait for it; see LogTasks.
  void ask(LogTasks::Task task) { questions_.add(std::move(task)); }
  // Likewise what waits for an endpoint, until the token is stopped.
  using Trial = std::function<void(bool wanted, const std::stop_token& stop)>;
  void try_out(Trial trial);

 private:
  const Options options_;
  NatsLink nats_;
  mutable std::mutex mutex_;
  std::map<std::string, CourierPtr, std::less<>> couriers_;
  std::stop_source stop_;  // of trials
  LogTasks questions_{{.thread_name = "webhooks-ask", .most_waiting = 100}};
  LogTasks trials_{{.thread_name = "webhooks-try", .most_waiting = 10}};
};

}  // namespace jangbu::webhook
