// A client of a running shop, for the command-line tools: HTTP/1.1 through libcurl, one connection
// per service.
//
// Threads: one at a time. Errors: Unavailable, with the URL and the reason, when no complete answer
// comes: NotSent when the request did not go out, NobodyListens when the port is closed. Any
// complete answer is returned, whatever its status, unless it exceeds longest_body.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "events/errors.hpp"
#include "infra/handle.hpp"

namespace jangbu {

// Where a shop is, and how to talk to it.
struct ShopPlace {
  std::string host = "127.0.0.1";  // a name or an address
  int port_base = 11000;
  bool tls = false;                     // HTTPS
  std::string ca_file = {};             // PEM, whom to trust; empty: whom the system trusts
  std::string client_certificate = {};  // PEM, with its key; empty: none
  std::string credential = {};          // an access key or token; empty: none
};

// How a transfer is to talk to it. Throws std::invalid_argument, without repeating it, for a
// credential that cannot be one (RFC 6750, 2.1), or that would leave this machine without TLS.
void set_up(CURL* curl, const ShopPlace& shop);

// What an answer says that refuses who asks, or how often, and what to do about it: "answered 401:
// …"; empty for any other.
std::string refusal_in(long status, std::string_view body);

class NotSent : public Unavailable {
 public:
  using Unavailable::Unavailable;
};

class NobodyListens : public NotSent {
 public:
  using NotSent::NotSent;
};

class ShopClient {
 public:
  // In the order of their ports.
  enum class Service { operations, account, product, purchase, delivery };

  struct Answer {
    long status = 0;
    std::string body;
    std::chrono::seconds retry_after{0};
  };

  static constexpr std::size_t longest_body = std::size_t{64} * 1024 * 1024;  // of an answer

  // `timeout`: for each answer.
  ShopClient(ShopPlace place, std::chrono::milliseconds timeout);

  std::string url(Service service) const;  // "http://127.0.0.1:11001"

  Answer get(Service service, const std::string& path);
  // Sends JSON, and further header fields such as "Idempotency-Key: 7".
  Answer post(Service service, const std::string& path, const std::string& json,
              const std::vector<std::string>& fields = {});

  // Sends a command under this key until it is decided, or refused in a way that will not change.
  // Throws NotSent when the first request did not go out; Unavailable when `patience` runs out,
  // which says whether the outcome is unknown.
  Answer command(Service service, const std::string& path, const std::string& json,
                 const std::string& key,
                 std::chrono::milliseconds patience = std::chrono::seconds(60));

 private:
  Answer perform(const std::string& url);

  ShopPlace place_;
  std::chrono::milliseconds timeout_;
  Handle<CURL, curl_easy_cleanup> curl_;
};

}  // namespace jangbu
