// Somebody who takes webhooks, on loopback and a free port.
//
// Threads: members from any.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "api/http/server.hpp"

namespace jangbu::test {

class WebhookReceiver {
 public:
  struct Received {
    std::string target;
    std::map<std::string, std::string> headers;  // names in lower case
    std::string body;

    std::string id() const { return headers.at("webhook-id"); }
  };

  // Nothing: it never answers.
  using Answer = std::function<std::optional<http::Response>(const Received&)>;
  static Answer status(int status);

  explicit WebhookReceiver(Answer answer = status(204));

  int port() const { return server_.port(); }
  std::string url(const std::string& path = "/hook") const {
    return "http://127.0.0.1:" + std::to_string(port()) + path;
  }

  // From now on.
  void answer_with(Answer answer);
  std::vector<Received> received() const;
  std::vector<std::string> ids() const;
  // Waits until so many have come; throws after a minute.
  void wait_for(std::size_t count);

 private:
  http::Router router();

  mutable std::mutex mutex_;
  std::condition_variable came_;
  Answer answer_;
  std::vector<Received> received_;
  std::vector<http::Exchange> unanswered_;
  http::Server server_;  // last: it uses everything above
};

}  // namespace jangbu::test
