#include "api/access/fetch.hpp"

#include <curl/curl.h>

#include <stdexcept>

#include "infra/curl_transfer.hpp"
#include "infra/handle.hpp"
#include "infra/version.hpp"

namespace jangbu::access {

namespace {

struct Received {
  std::string body;
  std::size_t max_bytes = 0;
  bool too_long = false;
};

// Called by libcurl: nothing may be thrown.
std::size_t on_body(char* data, std::size_t size, std::size_t count, void* to) {
  auto& received = *static_cast<Received*>(to);
  const std::size_t bytes = size * count;
  received.too_long = bytes > received.max_bytes - received.body.size();
  if (received.too_long) return CURL_WRITEFUNC_ERROR;
  received.body.append(data, bytes);  // which has room: it was reserved
  return bytes;
}

std::string why_not(CURLcode done) {
  switch (done) {
    case CURLE_OPERATION_TIMEDOUT:
      return "it did not answer in time";
    case CURLE_COULDNT_RESOLVE_HOST:
      return "its name has no address";
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
      return "its certificate is not trusted: see ca_file";
    default:
      return "it cannot be reached, or broke the connection";
  }
}

}  // namespace

std::string fetch(const std::string& url, const std::string& authorities, const FetchLimits& limits,
                  const std::stop_token& stop) {
  const Handle<CURLM, curl_multi_cleanup> multi(curl_multi_init());
  const Handle<CURL, curl_easy_cleanup> handle(curl_easy_init());
  CURL* curl = handle.get();
  if (!multi || !curl) throw std::runtime_error("libcurl cannot be used");
  Received received{.body = {}, .max_bytes = limits.max_bytes};
  received.body.reserve(limits.max_bytes);
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  if (!authorities.empty()) {
    curl_blob blob{.data = const_cast<char*>(authorities.data()),
                   .len = authorities.size(),
                   .flags = CURL_BLOB_NOCOPY};
    curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob);
    curl_easy_setopt(curl, CURLOPT_CAPATH, nullptr);
  }
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(limits.timeout.count()));
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  // A stop does not wait for a name server that does not answer.
  curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, ("jangbu/" + std::string(version())).c_str());
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &received);

  const auto done = run_transfer(multi.get(), curl, stop);
  if (!done) throw std::runtime_error("this process is stopping");
  if (received.too_long)
    throw std::runtime_error("it sends more than " + std::to_string(limits.max_bytes) + " bytes");
  if (*done != CURLE_OK) throw std::runtime_error(why_not(*done));
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  if (status != 200) throw std::runtime_error("it answers " + std::to_string(status) + ", not 200");
  return std::move(received.body);
}

}  // namespace jangbu::access
