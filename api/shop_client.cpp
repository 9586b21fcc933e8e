#include "api/shop_client.hpp"

#include <cerrno>
#include <stdexcept>
#include <utility>

namespace jangbu {

namespace {

size_t append(char* data, size_t size, size_t count, void* text) {
  static_cast<std::string*>(text)->append(data, size * count);
  return size * count;
}

}  // namespace

ShopClient::ShopClient(std::string host, int port_base, std::chrono::milliseconds timeout)
    : host_(std::move(host)), port_base_(port_base), timeout_(timeout), curl_(curl_easy_init()) {
  if (!curl_) throw std::runtime_error("libcurl cannot be used");
  if (host_.find(':') != host_.npos) host_ = '[' + host_ + ']';  // RFC 3986, section 3.2.2
}

std::string ShopClient::url(Service service) const {
  return "http://" + host_ + ':' + std::to_string(port_base_ + static_cast<int>(service));
}

ShopClient::Answer ShopClient::get(Service service, const std::string& path) {
  curl_easy_reset(curl_.get());
  return perform(url(service) + path);
}

ShopClient::Answer ShopClient::post(Service service, const std::string& path,
                                    const std::string& json,
                                    const std::vector<std::string>& fields) {
  Handle<curl_slist, curl_slist_free_all> headers(
      curl_slist_append(nullptr, "Content-Type: application/json"));
  for (const std::string& field : fields)
    headers.reset(curl_slist_append(headers.release(), field.c_str()));
  curl_easy_reset(curl_.get());
  curl_easy_setopt(curl_.get(), CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl_.get(), CURLOPT_POSTFIELDSIZE, static_cast<long>(json.size()));
  curl_easy_setopt(curl_.get(), CURLOPT_POSTFIELDS, json.c_str());
  return perform(url(service) + path);
}

ShopClient::Answer ShopClient::perform(const std::string& url) {
  CURL* curl = curl_.get();
  Answer answer;
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout_.count()));
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer.body);
  const CURLcode done = curl_easy_perform(curl);
  if (done != CURLE_OK) {
    long error = 0;
    curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &error);
    const std::string what = url + ": " + curl_easy_strerror(done);
    if (done == CURLE_COULDNT_CONNECT && error == ECONNREFUSED) throw NobodyListens(what);
    throw Unavailable(what);
  }
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
  return answer;
}

}  // namespace jangbu
