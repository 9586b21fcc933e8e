// HTTP requests, many at a time, over connections that are kept: libcurl's multi interface on
// epoll. One thread sends, waits and is called back; it can be woken by others.
//
//   pool.send({.url = …}, [](HttpPool::Answer answer) { … });
//   while (…) pool.wait(until);
//
// Threads: one at a time, except wake(). Errors: a request that gets no answer gets one without a
// status, which says why; std::runtime_error when libcurl or the system fail.
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
    std::chrono::milliseconds timeout{30'000};  // 0: none
    // Takes a successful answer's body as it comes, in place of Answer::body; false ends it.
    // REQUIRES: it does not throw, and does not use the pool.
    std::function<bool(std::string_view)> on_body = {};
  };

  struct Answer {
    long status = 0;         // 0: none came
    std::string error = {};  // then, why
    // How often the request went out, at least in part. When a kept-alive connection turns out
    // to be dead, libcurl silently sends it again on a new one; the first may have arrived all the
    // same.
    int times_sent = 0;
    std::string body = {};
    std::uint64_t position = 0;           // Event-Position, if it is there
    std::string location = {};            // Location
    std::chrono::seconds retry_after{0};  // Retry-After
  };

  using Callback = std::function<void(Answer)>;

  explicit HttpPool(std::size_t connections);
  ~HttpPool() { drop(); }
  HttpPool(const HttpPool&) = delete;
  HttpPool& operator=(const HttpPool&) = delete;

  // How many requests can be sent now.
  std::size_t free() const { return free_.size(); }
  std::size_t under_way() const { return exchanges_.size() - free_.size(); }

  // The callback comes within a later wait(), and may send. REQUIRES: free() > 0.
  void send(const Request& request, Callback callback);

  // Sends and receives until then; returns earlier when something was answered or wake() was
  // called.
  void wait(Clock::time_point until);

  // Gives up what is under way: nobody is called back for it.
  void drop();

  // Threads: from any.
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
  bool finish();  // calls back; false when nothing was answered
  void set_timer(Clock::time_point until);

  Descriptor epoll_;
  Descriptor timer_;  // an epoll's own time-out counts in whole milliseconds
  Descriptor wake_;
  Handle<CURLM, curl_multi_cleanup> multi_;  // before its exchanges, which leave it first
  std::vector<std::unique_ptr<Exchange>> exchanges_;
  std::vector<Exchange*> free_;
  std::optional<Clock::time_point> curl_due_;  // when libcurl wants to be called
  Clock::time_point timer_set_{};
};

}  // namespace jangbu
