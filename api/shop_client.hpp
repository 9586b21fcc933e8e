// A client of a running shop, for the tools of the command line: HTTP/1.1 through libcurl, on one
// connection a service.
//
// Threads: one at a time. Errors: Unavailable when no whole answer comes, with the URL and why;
// NobodyListens when the port is closed. Whatever the status, an answer is an answer.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <string>
#include <vector>

#include "events/errors.hpp"
#include "infra/handle.hpp"

namespace jangbu {

class NobodyListens : public Unavailable {
 public:
  using Unavailable::Unavailable;
};

class ShopClient {
 public:
  // In the order of their ports.
  enum class Service { operations, account, product, purchase, delivery };

  struct Answer {
    long status = 0;
    std::string body;
  };

  // `host`: a name or an address. `timeout`: for each answer.
  ShopClient(std::string host, int port_base, std::chrono::milliseconds timeout);

  std::string url(Service service) const;  // "http://127.0.0.1:11001"

  Answer get(Service service, const std::string& path);
  // With JSON, and further header fields, such as "Idempotency-Key: 7".
  Answer post(Service service, const std::string& path, const std::string& json,
              const std::vector<std::string>& fields = {});

 private:
  Answer perform(const std::string& url);

  std::string host_;
  int port_base_;
  std::chrono::milliseconds timeout_;
  Handle<CURL, curl_easy_cleanup> curl_;
};

}  // namespace jangbu
