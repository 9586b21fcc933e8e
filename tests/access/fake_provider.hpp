// An OpenID provider as far as its keys go: discovery and JWKS, on loopback and a free port.
//
// Threads: members from any.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "api/access/issuer.hpp"
#include "api/http/server.hpp"
#include "tests/access/signing_key.hpp"

namespace jangbu::access::test {

class FakeProvider {
 public:
  static constexpr const char* discovery = "/.well-known/openid-configuration";
  static constexpr const char* keys = "/keys";

  // Nothing: it never answers.
  using Answer = std::function<std::optional<http::Response>(const std::string& target)>;

  // With TLS it is known as localhost.
  explicit FakeProvider(http::TlsUse tls = {});

  std::string url() const { return url_; }
  // The issuer that this is.
  Issuer issuer() const;

  // From now on. Without an answer of the test's it gives its discovery document and these keys.
  void list(const std::vector<SigningKey>& listed);
  void answer_with(Answer answer);
  // To everything with this, and the end of the answer never comes.
  void answer_without_end(std::string beginning);

  std::string discovery_document() const;
  static http::Response json(const std::string& body);

  int requests(const std::string& target) const;
  int requests() const;

 private:
  http::Router router();

  mutable std::mutex mutex_;
  std::string jwks_ = R"({"keys": []})";
  Answer answer_;
  std::optional<std::string> without_end_;
  std::map<std::string, int> requests_;
  std::vector<http::Exchange> unanswered_;
  std::string url_;
  http::Server server_;  // last: it uses everything above
};

}  // namespace jangbu::access::test
