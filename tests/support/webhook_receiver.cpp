#include "tests/support/webhook_receiver.hpp"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <stdexcept>
#include <utility>

namespace jangbu::test {

WebhookReceiver::Answer WebhookReceiver::status(int status) {
  return [status](const Received&) { return http::Response{.status = status}; };
}

WebhookReceiver::WebhookReceiver(Answer answer)
    : answer_(std::move(answer)), server_("127.0.0.1", 0, router()) {
  server_.start();
}

http::Router WebhookReceiver::router() {
  http::Router router;
  const http::Handler take = [this](http::Request&& request, const http::Exchange& exchange) {
    Received received{.target = request.target, .headers = {}, .body = std::move(request.body)};
    for (std::size_t i = 0; i < request.headers.size(); ++i) {
      std::string name(request.headers[i].name);
      std::ranges::transform(name, name.begin(),
                             [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      received.headers[name] = request.headers[i].value;
    }
    const std::lock_guard lock(mutex_);
    if (auto response = answer_(received))
      exchange.respond(std::move(*response));
    else
      unanswered_.push_back(exchange);
    received_.push_back(std::move(received));
    came_.notify_all();
  };
  router.add(http::Method::post, "/", take);
  router.add(http::Method::post, "/{path}", take);
  return router;
}

void WebhookReceiver::answer_with(Answer answer) {
  const std::lock_guard lock(mutex_);
  answer_ = std::move(answer);
}

std::vector<WebhookReceiver::Received> WebhookReceiver::received() const {
  const std::lock_guard lock(mutex_);
  return received_;
}

std::vector<std::string> WebhookReceiver::ids() const {
  std::vector<std::string> ids;
  for (const Received& one : received()) ids.push_back(one.id());
  return ids;
}

void WebhookReceiver::wait_for(std::size_t count) {
  std::unique_lock lock(mutex_);
  if (!came_.wait_for(lock, std::chrono::minutes(1), [&] { return received_.size() >= count; }))
    throw std::runtime_error(std::to_string(received_.size()) + " webhooks came, not " +
                             std::to_string(count));
}

}  // namespace jangbu::test
