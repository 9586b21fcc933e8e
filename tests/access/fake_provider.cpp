#include "tests/access/fake_provider.hpp"

#include <utility>

namespace jangbu::access::test {

FakeProvider::FakeProvider(http::TlsUse tls) : server_("127.0.0.1", 0, router(), {}, 1, {}, tls) {
  url_ = (tls.tls ? "https://localhost:" : "http://127.0.0.1:") + std::to_string(server_.port());
  server_.start();
}

Issuer FakeProvider::issuer() const {
  return {.name = "staff", .url = url(), .audience = "jangbu", .roles = {Role::buyer, Role::clerk}};
}

void FakeProvider::list(const std::vector<SigningKey>& listed) {
  const std::lock_guard lock(mutex_);
  jwks_ = jwks(listed);
}

void FakeProvider::answer_with(Answer answer) {
  const std::lock_guard lock(mutex_);
  answer_ = std::move(answer);
}

void FakeProvider::answer_without_end(std::string beginning) {
  const std::lock_guard lock(mutex_);
  without_end_ = std::move(beginning);
}

std::string FakeProvider::discovery_document() const {
  return Json{{"issuer", url()}, {"jwks_uri", url() + keys}}.dump();
}

http::Response FakeProvider::json(const std::string& body) {
  return {.content_type = "application/json", .body = body};
}

int FakeProvider::requests(const std::string& target) const {
  const std::lock_guard lock(mutex_);
  const auto found = requests_.find(target);
  return found == requests_.end() ? 0 : found->second;
}

int FakeProvider::requests() const {
  const std::lock_guard lock(mutex_);
  int all = 0;
  for (const auto& [target, count] : requests_) all += count;
  return all;
}

http::Router FakeProvider::router() {
  http::Router router;
  const http::Handler serve = [this](http::Request&& request, const http::Exchange& exchange) {
    const std::lock_guard lock(mutex_);
    ++requests_[request.target];
    if (without_end_) {
      exchange.stream_start({.content_type = "application/json", .body = *without_end_},
                            2 * without_end_->size());
      return unanswered_.push_back(exchange);
    }
    std::optional<http::Response> response =
        request.target == keys ? json(jwks_) : json(discovery_document());
    if (answer_) response = answer_(request.target);
    if (response)
      exchange.respond(std::move(*response));
    else
      unanswered_.push_back(exchange);
  };
  router.add(http::Method::get, discovery, serve);
  router.add(http::Method::get, "/{name}", serve);
  return router;
}

}  // namespace jangbu::access::test
