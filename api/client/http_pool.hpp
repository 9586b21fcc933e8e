// Concurrent HTTP requests over kept-alive connections: libcurl's multi interface on epoll. One
// thread sends, waits and runs the callbacks; other threads can wake it.
//
//   pool.send({.url = …}, [](HttpPool::Answer answer) { … });
//   while (…) pool.wait(until);
//
// Threads: one at a time, except wake(). Errors: a request that fails still calls back, with status
// 0 and the reason in `error`; std::runtime_error when libcurl or a system call fails.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/client/shop_client.hpp"
#include "infra/descriptor.hpp"
#include "infra/handle.hpp"

namespace jangbu {

class HttpPool {
 public:
  using Clock = std::chrono::steady_clock;

  struct Request {
    std::string method = "GET";
    std::string url;
    std::string body = {};
    std::vector<std::string> fields = {};       // "Idempotency-Key: 7"
    std::chrono::milliseconds timeout{30'000};  // 0: no limit
    // Receives a successful answer's body piece by piece, in place of Answer::body; false ends it.
    // REQUIRES: it does not throw, and does not use the pool.
    std::function<bool(std::string_view)> on_body = {};
  };

  struct Answer {
    long status = 0;         // 0: no answer
    std::string error = {};  // why there is none
    // How often the request was sent, at least in part. When a kept-alive connection turns out to
    // be dead, libcurl silently sends the request again on a new one; the first copy may have
    // arrived all the same.
    int times_sent = 0;
    std::string body = {};
    std::uint64_t position = 0;           // Event-Position, if present
    std::string location = {};            // Location
    std::chrono::seconds retry_after{0};  // Retry-After
  };

  using Callback = std::function<void(Answer)>;

  explicit HttpPool(std::size_t connections, const ShopPlace& shop = {});
  ~HttpPool() { drop(); }
  HttpPool(const HttpPool&) = delete;
  HttpPool& operator=(const HttpPool&) = delete;

  // How many requests can be sent right now.
  std::size_t free() const { return free_.size(); }
  std::size_t under_way() const { return exchanges_.size() - free_.size(); }

  // The callback runs inside a later wait(), and may call send(). REQUIRES: free() > 0.
  void send(const Request& request, Callback callback);

  // Sends and receives until then. May return early, and always does when an answer arrived or
  // wake() was called.
  void wait(Clock::time_point until);

  // Drops all requests in flight without calling back.
  void drop();

  // Threads: any.
  void wake();

 private:
  struct Exchange {
    Handle<CURL, curl_easy_cleanup> curl;
    Handle<curl_slist, curl_slist_free_all> fields;
    std::string body;
    std::function<bool(std::string_view)> on_body;
    Answer answer;
    Callback callback;
  };

  static int on_socket(CURL*, curl_socket_t socket, int what, void* self, void* is_known);
  static int on_timer(CURLM*, long timeout_ms, void* self);
  static int on_request(void* exchange, char*, char*, int, int);
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* exchange);
  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* exchange);

  void act(curl_socket_t socket, int events);
  bool finish();  // runs the callbacks; false when no request has ended
  void set_timer(Clock::time_point until);

  Descriptor epoll_;
  Descriptor timer_;  // epoll's own timeout has a resolution of 1 ms
  Descriptor wake_;
  Handle<CURLM, curl_multi_cleanup> multi_;  // outlives its exchanges, which leave it first
  std::vector<std::unique_ptr<Exchange>> exchanges_;
  std::vector<Exchange*> free_;
  std::optional<Clock::time_point> curl_due_;  // when libcurl wants to be called
  Clock::time_point timer_set_{};
};

}  // namespace jangbu
