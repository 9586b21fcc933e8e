// A client of a running shop, for the tools of the command line: HTTP/1.1 through libcurl, on one
// connection a service.
//
// Threads: one at a time. Errors: Unavailable when no whole answer comes, with the URL and why:
// NotSent when the request did not go out, NobodyListens when the port is closed. Whatever the
// status, an answer is an answer, unless it has no end.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "events/errors.hpp"
#include "infra/handle.hpp"

namespace jangbu {

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

  // `host`: a name or an address. `timeout`: for each answer.
  ShopClient(std::string host, int port_base, std::chrono::milliseconds timeout);

  std::string url(Service service) const;  // "http://127.0.0.1:11001"

  Answer get(Service service, const std::string& path);
  // With JSON, and further header fields, such as "Idempotency-Key: 7".
  Answer post(Service service, const std::string& path, const std::string& json,
              const std::vector<std::string>& fields = {});

  // A command under this key, sent until it is decided, or is refused in a way that will not
  // change. Throws NotSent when the first request did not go out; Unavailable when patience is at
  // an end, which says whether its outcome is unknown.
  Answer command(Service service, const std::string& path, const std::string& json,
                 const std::string& key,
                 std::chrono::milliseconds patience = std::chrono::seconds(60));

 private:
  Answer perform(const std::string& url);

  std::string host_;
  int port_base_;
  std::chrono::milliseconds timeout_;
  Handle<CURL, curl_easy_cleanup> curl_;
};

}  // namespace jangbu
