// One transfer of libcurl that a stop token breaks off.
#pragma once

#include <curl/curl.h>

#include <optional>
#include <stdexcept>
#include <stop_token>

namespace jangbu {

// Runs the transfer to its end; nothing when it was stopped. It belongs to the owner of the
// connections only meanwhile, so that afterwards either may change.
//
// Threads: the caller's waits; the stop may come from any. Ownership: both handles are the
// caller's. Errors: std::runtime_error when libcurl itself fails.
inline std::optional<CURLcode> run_transfer(CURLM* multi, CURL* curl, const std::stop_token& stop) {
  const auto require_ok = [](CURLMcode done) {
    if (done != CURLM_OK) throw std::runtime_error(curl_multi_strerror(done));
  };
  require_ok(curl_multi_add_handle(multi, curl));
  const struct Removed {
    CURLM* multi;
    CURL* curl;
    ~Removed() { curl_multi_remove_handle(multi, curl); }
  } removed{multi, curl};
  const std::stop_callback wake(stop, [multi] { curl_multi_wakeup(multi); });
  while (!stop.stop_requested()) {
    int running = 0, left = 0;
    require_ok(curl_multi_perform(multi, &running));
    if (const CURLMsg* message = curl_multi_info_read(multi, &left)) return message->data.result;
    require_ok(curl_multi_poll(multi, nullptr, 0, 60'000, nullptr));
  }
  return std::nullopt;
}

}  // namespace jangbu
