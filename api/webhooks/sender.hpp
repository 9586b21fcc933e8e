// Sends a webhook's messages to its endpoint: one POST at a time, through libcurl, over a
// connection that is kept.
//
// The URL comes from people who may not be trusted with everything that this machine can reach, so
// unless the endpoint allows private addresses, the address of every connection is checked
// (public_address.hpp) where it is made: nobody can change what a name means between the check and
// its use. Redirects are not followed, proxies of the environment not used. Of an answer nothing is
// kept but its status and Retry-After.
//
// Threads: one at a time; a stop may be requested from any.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <stop_token>
#include <string>
#include <string_view>

#include "api/webhooks/endpoint.hpp"
#include "infra/handle.hpp"

namespace jangbu::webhook {

// What became of a POST.
struct Outcome {
  enum class Kind {
    answered,         // with `status`
    timed_out,        // no complete answer in time
    unreachable,      // nobody answers at the address, or the connection broke
    unknown_host,     // the name has no address
    private_address,  // its address is not public
    bad_certificate,  // TLS could not be agreed on, or the receiver is not who it should be
    stopped,          // we were asked to stop
  };

  Kind kind = Kind::unreachable;
  long status = 0;                      // 0 unless answered
  std::chrono::seconds retry_after{0};  // 0 unless the answer says so; at most 10 h
  std::chrono::milliseconds took{0};

  bool delivered() const { return status >= 200 && status < 300; }
};

std::string_view to_string(Outcome::Kind kind);
// For people: "it answered 503", "it did not answer in time".
std::string describe(const Outcome& outcome);

class Sender {
 public:
  struct Options {
    std::chrono::milliseconds timeout{15'000};  // from resolving the name to the end of the answer
  };

  explicit Sender(const Endpoint& endpoint) : Sender(endpoint, Options{}) {}
  Sender(const Endpoint& endpoint, Options options);
  ~Sender();
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  // `id`: of the event. `body`: the event, a CloudEvent in structured JSON, sent as it is.
  Outcome post(std::string_view id, std::string_view body, const std::stop_token& stop);

 private:
  static curl_socket_t on_open(void* sender, curlsocktype purpose, curl_sockaddr* address);
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* sender);

  Outcome outcome_of(CURLcode done) const;

  const Endpoint endpoint_;
  const Options options_;
  Handle<CURLM, curl_multi_cleanup> multi_;  // holds the connection; a stop can wake it
  Handle<CURL, curl_easy_cleanup> curl_;
  bool private_address_ = false;  // the current POST met one
  std::size_t received_ = 0;      // bytes of the current answer's body
};

}  // namespace jangbu::webhook
