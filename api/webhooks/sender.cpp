#include "api/webhooks/sender.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "api/webhooks/public_address.hpp"
#include "api/webhooks/signature.hpp"
#include "infra/curl_transfer.hpp"
#include "infra/ids.hpp"
#include "infra/version.hpp"

namespace jangbu::webhook {

namespace {

constexpr std::size_t longest_body = 4 * 1024;  // of an answer; what follows is not read
constexpr std::chrono::seconds longest_retry_after = std::chrono::hours(10);

using Fields = Handle<curl_slist, curl_slist_free_all>;

void add_field(Fields& fields, const std::string& field) {
  fields.reset(curl_slist_append(fields.release(), field.c_str()));
}

}  // namespace

std::string_view to_string(Outcome::Kind kind) {
  switch (kind) {
    case Outcome::Kind::answered:
      return "answered";
    case Outcome::Kind::timed_out:
      return "timed-out";
    case Outcome::Kind::unreachable:
      return "unreachable";
    case Outcome::Kind::unknown_host:
      return "unknown-host";
    case Outcome::Kind::private_address:
      return "private-address";
    case Outcome::Kind::bad_certificate:
      return "bad-certificate";
    case Outcome::Kind::stopped:
      return "stopped";
  }
  return "";
}

std::string describe(const Outcome& outcome) {
  switch (outcome.kind) {
    case Outcome::Kind::answered:
      return "it answered " + std::to_string(outcome.status);
    case Outcome::Kind::timed_out:
      return "it did not answer in time";
    case Outcome::Kind::unreachable:
      return "it cannot be reached, or broke the connection";
    case Outcome::Kind::unknown_host:
      return "its name has no address";
    case Outcome::Kind::private_address:
      return "its address is not a public one: set allow_private = true if it is meant to be "
             "called";
    case Outcome::Kind::bad_certificate:
      return "its certificate is not trusted: see ca_file";
    case Outcome::Kind::stopped:
      return "this process was stopping";
  }
  return "";
}

Sender::Sender(const Endpoint& endpoint, Options options)
    : endpoint_(endpoint), options_(options), multi_(curl_multi_init()), curl_(curl_easy_init()) {
  if (!multi_ || !curl_) throw std::runtime_error("libcurl cannot be used");
  CURL* curl = curl_.get();
  curl_easy_setopt(curl, CURLOPT_URL, endpoint_.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, endpoint_.allow_private ? "http,https" : "https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  if (!endpoint_.authorities.empty()) {
    curl_blob authorities{.data = const_cast<char*>(endpoint_.authorities.data()),
                          .len = endpoint_.authorities.size(),
                          .flags = CURL_BLOB_NOCOPY};
    curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &authorities);
    curl_easy_setopt(curl, CURLOPT_CAPATH, nullptr);
  }
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(options_.timeout.count()));
  curl_easy_setopt(curl, CURLOPT_DNS_CACHE_TIMEOUT, 0L);  // the name may move
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  // A stop does not wait for a name server that does not answer.
  curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, ("jangbu/" + std::string(version())).c_str());
  curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_open);
  curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, this);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, this);
}

Sender::~Sender() = default;

Outcome Sender::post(std::string_view id, std::string_view body, const std::stop_token& stop) {
  const std::int64_t now_s = system_now().ms / 1'000;
  Fields fields;
  add_field(fields, "Content-Type: application/cloudevents+json");
  add_field(fields, "webhook-id: " + std::string(id));
  add_field(fields, "webhook-timestamp: " + std::to_string(now_s));
  add_field(fields, "webhook-signature: " + sign(endpoint_.secrets, id, now_s, body));
  // Without this, libcurl waits for "100 Continue" before it sends a large body.
  add_field(fields, "Expect:");

  CURL* curl = curl_.get();
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, fields.get());
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data());
  private_address_ = false;
  received_ = 0;

  const auto began = std::chrono::steady_clock::now();
  const auto done = run_transfer(multi_.get(), curl, stop);
  Outcome outcome = done ? outcome_of(*done) : Outcome{.kind = Outcome::Kind::stopped};
  outcome.took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - began);
  return outcome;
}

Outcome Sender::outcome_of(CURLcode done) const {
  using Kind = Outcome::Kind;
  switch (done) {
    case CURLE_OK:
    case CURLE_WRITE_ERROR: {  // we had read enough
      Outcome outcome{.kind = Kind::answered};
      curl_easy_getinfo(curl_.get(), CURLINFO_RESPONSE_CODE, &outcome.status);
      curl_off_t retry_after = 0;
      curl_easy_getinfo(curl_.get(), CURLINFO_RETRY_AFTER, &retry_after);
      outcome.retry_after =
          std::min(std::chrono::seconds(std::max<curl_off_t>(retry_after, 0)), longest_retry_after);
      return outcome.status > 0 ? outcome : Outcome{.kind = Kind::unreachable};
    }
    case CURLE_OPERATION_TIMEDOUT:
      return {.kind = Kind::timed_out};
    case CURLE_COULDNT_RESOLVE_HOST:
      return {.kind = Kind::unknown_host};
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
      return {.kind = Kind::bad_certificate};
    default:
      return {.kind = private_address_ ? Kind::private_address : Kind::unreachable};
  }
}

// --- Called by libcurl: nothing may be thrown ----------------------------------------------------

// The socket is for this very address. Without one libcurl tries the name's next address, if any.
curl_socket_t Sender::on_open(void* self, curlsocktype purpose, curl_sockaddr* address) {
  auto& sender = *static_cast<Sender*>(self);
  if (purpose != CURLSOCKTYPE_IPCXN) return CURL_SOCKET_BAD;
  if (!sender.endpoint_.allow_private && !is_public_address(address->addr)) {
    sender.private_address_ = true;
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

std::size_t Sender::on_body(char*, std::size_t size, std::size_t count, void* self) {
  auto& received = static_cast<Sender*>(self)->received_;
  received += size * count;
  return received <= longest_body ? size * count : CURL_WRITEFUNC_ERROR;
}

}  // namespace jangbu::webhook
