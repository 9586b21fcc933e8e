// A client of the shop: JSON over HTTP/1.1, plain or in TLS, on one persistent connection, which is
// reopened when the server has closed it.
//
// Threads: one at a time. Errors: NoReply when no complete answer came; std::runtime_error when
// nothing arrives for 60 s.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/openapi_check.hpp"
#include "tests/support/tls_client.hpp"

namespace jangbu::test {

using Json = nlohmann::json;

struct Reply {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  Json json;  // null when the body is empty or not JSON

  bool has(const std::string& name) const { return headers.contains(name); }
  std::string header(const std::string& name) const;  // REQUIRES a name in lower case
  std::string code() const;                           // of a problem; empty if the body is not one
  std::uint64_t position() const;                     // Event-Position
};

// The connection ended before a complete answer: the outcome of the request is unknown.
class NoReply : public std::runtime_error {
 public:
  enum class How {
    refused,  // nobody listens, or no longer when the connection was to be accepted
    closed,   // closed in order, between answers
    broken,   // reset after an answer, or ended in the middle of one
  };
  NoReply(How ended, const std::string& what) : std::runtime_error(what), how(ended) {}

  const How how;
};

class HttpClient {
 public:
  using Fields = std::vector<std::pair<std::string, std::string>>;

  // Every answer is checked against the document, if there is one.
  explicit HttpClient(int port, std::shared_ptr<OpenApiCheck> document = {},
                      std::optional<TlsClient::Options> tls = {})
      : port_(port), document_(std::move(document)), tls_options_(std::move(tls)) {}
  ~HttpClient() { disconnect(); }
  HttpClient(HttpClient&& other) noexcept
      : port_(other.port_),
        document_(std::move(other.document_)),
        tls_options_(std::move(other.tls_options_)),
        tls_(std::move(other.tls_)),
        descriptor_(std::exchange(other.descriptor_, -1)),
        answered_(other.answered_) {}
  HttpClient& operator=(HttpClient&&) = delete;
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  Reply get(std::string_view target, const Fields& fields = {}) {
    return send("GET", target, {}, fields);
  }
  Reply post(std::string_view target, const Json& body, const Fields& fields = {}) {
    return send_json("POST", target, body, fields);
  }
  Reply put(std::string_view target, const Json& body, const Fields& fields = {}) {
    return send_json("PUT", target, body, fields);
  }
  Reply patch(std::string_view target, const Json& body, const Fields& fields = {}) {
    return send_json("PATCH", target, body, fields);
  }
  Reply delete_(std::string_view target, const Fields& fields = {}) {
    return send("DELETE", target, {}, fields);
  }

  // Sends any request; only Host and Content-Length are added.
  Reply send(std::string_view method, std::string_view target, std::string_view body,
             const Fields& fields);

 private:
  Reply send_json(std::string_view method, std::string_view target, const Json& body,
                  Fields fields);
  void connect();
  void disconnect();
  void shake_hands();
  void write(std::string_view bytes);
  void write_raw(std::string_view bytes);
  Reply read(bool without_body);
  void receive(std::string& input);
  [[noreturn]] void fail() const;

  int port_;
  std::shared_ptr<OpenApiCheck> document_;
  std::optional<TlsClient::Options> tls_options_;  // null: plain HTTP
  std::optional<TlsClient> tls_;                   // of the connection
  int descriptor_ = -1;
  bool answered_ = false;  // something has arrived on this connection
};

// The text as it is written in a path or a query.
std::string percent_encoded(std::string_view text);

}  // namespace jangbu::test
