#include "api/client/shop_client.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>
#include <utility>

#include "api/client/certainty.hpp"
#include "infra/json_tree.hpp"
#include "infra/loopback.hpp"

namespace jangbu {

using namespace std::chrono_literals;

namespace {

constexpr auto ask_again_after = 250ms;

size_t append(char* data, size_t size, size_t count, void* text) {
  auto& body = *static_cast<std::string*>(text);
  if (body.size() + size * count > ShopClient::longest_body) return CURL_WRITEFUNC_ERROR;
  body.append(data, size * count);
  return size * count;
}

// The connection is established; the request is sent next.
int on_request(void* times_sent, char*, char*, int, int) {
  ++*static_cast<int*>(times_sent);
  return CURL_PREREQFUNC_OK;
}

}  // namespace

void set_up(CURL* curl, const ShopPlace& shop) {
  if (!shop.ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, shop.ca_file.c_str());
  if (!shop.client_certificate.empty())
    curl_easy_setopt(curl, CURLOPT_SSLCERT, shop.client_certificate.c_str());
  if (shop.credential.empty()) return;
  const bool may_be_one = std::ranges::all_of(shop.credential, [](unsigned char c) {
    return std::isalnum(c) ||
           std::string_view("-._~+/=").find(static_cast<char>(c)) != std::string_view::npos;
  });
  if (!may_be_one)
    throw std::invalid_argument(
        "what was given as an access key or token (--credential-file, JANGBU_CREDENTIAL) has "
        "characters that none has");
  if (!shop.tls && !is_loopback(shop.host))
    throw std::invalid_argument(
        "the access key or token (--credential-file, JANGBU_CREDENTIAL) would go to " + shop.host +
        " where others can read it on its way: give --tls, or --ca-file with whom to trust");
  curl_easy_setopt(curl, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BEARER));
  curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, shop.credential.c_str());
}

std::string refusal_in(long status, std::string_view body) {
  const char* advice = nullptr;
  if (status == 401)
    advice = "Give an access key or token that holds, with --credential-file or JANGBU_CREDENTIAL";
  else if (status == 403)
    advice = "The access key or token, if one was given, does not have the role for this";
  else if (status == 429)
    advice = "That is more than whoever asks may ask: wait, or get a higher limit for the key";
  else
    return {};
  const auto problem = parse_json_if_valid(body);
  const bool has_detail =
      problem.is_object() && problem.contains("detail") && problem.at("detail").is_string();
  return "answered " + std::to_string(status) +
         (has_detail ? ": " + problem.at("detail").get<std::string>() + " " : ". ") + advice;
}

ShopClient::ShopClient(ShopPlace place, std::chrono::milliseconds timeout)
    : place_(std::move(place)), timeout_(timeout), curl_(curl_easy_init()) {
  if (!curl_) throw std::runtime_error("libcurl cannot be used");
  std::string& host = place_.host;
  if (host.find(':') != host.npos) host = '[' + host + ']';  // RFC 3986, section 3.2.2
}

std::string ShopClient::url(Service service) const {
  return std::string(place_.tls ? "https://" : "http://") + place_.host + ':' +
         std::to_string(place_.port_base + static_cast<int>(service));
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

ShopClient::Answer ShopClient::command(Service service, const std::string& path,
                                       const std::string& json, const std::string& key,
                                       std::chrono::milliseconds patience) {
  using Clock = std::chrono::steady_clock;
  const auto until = Clock::now() + patience;
  for (bool uncertain = false;;) {
    std::chrono::milliseconds pause = ask_again_after;
    std::string why;
    try {
      Answer answer = post(service, path, json, {"Idempotency-Key: " + key});
      const Says said = says(answer.status, code_of(answer.body));
      uncertain = uncertain || said == Says::uncertain;
      if (said == Says::decided || (!uncertain && !is_for_now(answer.status))) return answer;
      pause = std::max<std::chrono::milliseconds>(pause, answer.retry_after);
      why = url(service) + path + ": " + std::to_string(answer.status) + " " + answer.body;
    } catch (const NotSent& no) {
      if (!uncertain) throw;
      why = no.what();
    } catch (const Unavailable& lost) {
      uncertain = true;
      why = lost.what();
    }
    if (Clock::now() + pause > until)
      throw Unavailable(why + (uncertain ? ". Its outcome is unknown: send it again with the "
                                           "Idempotency-Key " +
                                               key
                                         : ""));
    std::this_thread::sleep_for(pause);
  }
}

ShopClient::Answer ShopClient::perform(const std::string& url) {
  CURL* curl = curl_.get();
  Answer answer;
  int times_sent = 0;
  curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, on_request);
  curl_easy_setopt(curl, CURLOPT_PREREQDATA, &times_sent);
  set_up(curl, place_);
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
    const std::string what =
        url + ": " +
        (done == CURLE_WRITE_ERROR ? "its answer has no end" : curl_easy_strerror(done));
    if (times_sent > 0) throw Unavailable(what);
    if (done == CURLE_COULDNT_CONNECT && error == ECONNREFUSED) throw NobodyListens(what);
    throw NotSent(what);
  }
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
  curl_off_t retry_after = 0;
  curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry_after);
  answer.retry_after = std::chrono::seconds(std::clamp<curl_off_t>(retry_after, 0, 60));
  return answer;
}

}  // namespace jangbu
