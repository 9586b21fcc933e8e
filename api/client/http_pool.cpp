#include "api/client/http_pool.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <stdexcept>
#include <utility>

#include "api/client/certainty.hpp"

namespace jangbu {

namespace {

void require(CURLMcode done) {
  if (done != CURLM_OK) throw std::runtime_error(curl_multi_strerror(done));
}

bool same_name(std::string_view one, std::string_view other) {
  return std::ranges::equal(one, other, [](unsigned char a, unsigned char b) {
    return std::tolower(a) == std::tolower(b);
  });
}

}  // namespace

HttpPool::HttpPool(std::size_t connections, const ShopPlace& shop)
    : epoll_(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1"),
      timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), "timerfd_create"),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd"),
      multi_(curl_multi_init()) {
  if (!multi_) throw std::runtime_error("libcurl cannot be used");
  for (const int own : {timer_.number(), wake_.number()}) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = own}};
    if (::epoll_ctl(epoll_.number(), EPOLL_CTL_ADD, own, &event) != 0) throw_errno("epoll_ctl");
  }
  curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_.get(), CURLMOPT_TIMERFUNCTION, on_timer);
  curl_multi_setopt(multi_.get(), CURLMOPT_TIMERDATA, this);
  // Allows one idle connection to each service besides those in use.
  curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, static_cast<long>(connections) + 8);
  for (std::size_t i = 0; i < connections; ++i) {
    auto exchange = std::make_unique<Exchange>();
    exchange->curl.reset(curl_easy_init());
    CURL* curl = exchange->curl.get();
    if (!curl) throw std::runtime_error("libcurl cannot be used");
    set_up(curl, shop);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PRIVATE, exchange.get());
    curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, on_request);
    curl_easy_setopt(curl, CURLOPT_PREREQDATA, exchange.get());
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, exchange.get());
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, exchange.get());
    free_.push_back(exchange.get());
    exchanges_.push_back(std::move(exchange));
  }
}

void HttpPool::drop() {
  for (const auto& exchange : exchanges_) {
    if (!std::exchange(exchange->callback, nullptr)) continue;
    curl_multi_remove_handle(multi_.get(), exchange->curl.get());
    free_.push_back(exchange.get());
  }
}

void HttpPool::send(const Request& request, Callback callback) {
  Exchange& exchange = *free_.back();
  exchange.body = request.body;
  exchange.on_body = request.on_body;
  exchange.answer = {};
  exchange.callback = std::move(callback);
  exchange.fields.reset();
  for (const std::string& field : request.fields)
    exchange.fields.reset(curl_slist_append(exchange.fields.release(), field.c_str()));
  // Without this, libcurl waits for "100 Continue" before it sends a large body.
  exchange.fields.reset(curl_slist_append(exchange.fields.release(), "Expect:"));

  CURL* curl = exchange.curl.get();
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  if (request.method == "POST") {
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, exchange.body.c_str());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, static_cast<long>(exchange.body.size()));
  } else {
    curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
  }
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, exchange.fields.get());
  require(curl_multi_add_handle(multi_.get(), curl));
  free_.pop_back();
}

void HttpPool::wait(Clock::time_point until) {
  if (curl_due_ && *curl_due_ <= Clock::now()) {
    curl_due_.reset();
    act(CURL_SOCKET_TIMEOUT, 0);
    if (finish()) return;
  }
  set_timer(curl_due_ ? std::min(until, *curl_due_) : until);
  std::array<epoll_event, 128> ready;
  const int count = ::epoll_wait(epoll_.number(), ready.data(), static_cast<int>(ready.size()), -1);
  if (count < 0 && errno != EINTR) throw_errno("epoll_wait");
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = ready[static_cast<std::size_t>(i)];
    if (event.data.fd == timer_.number() || event.data.fd == wake_.number()) {
      std::uint64_t times;
      if (::read(event.data.fd, &times, sizeof times) < 0 && errno != EAGAIN) throw_errno("read");
      if (event.data.fd == timer_.number()) timer_set_ = {};
      continue;
    }
    int happened = 0;
    if (event.events & EPOLLIN) happened |= CURL_CSELECT_IN;
    if (event.events & EPOLLOUT) happened |= CURL_CSELECT_OUT;
    if (event.events & (EPOLLERR | EPOLLHUP)) happened |= CURL_CSELECT_ERR;
    act(event.data.fd, happened);
  }
  finish();
}

void HttpPool::wake() {
  constexpr std::uint64_t once = 1;
  // Fails only when the counter would overflow, and the thread is woken by then anyway.
  [[maybe_unused]] const auto written = ::write(wake_.number(), &once, sizeof once);
}

void HttpPool::act(curl_socket_t socket, int events) {
  int running = 0;
  require(curl_multi_socket_action(multi_.get(), socket, events, &running));
}

bool HttpPool::finish() {
  bool any = false;
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    any = true;
    CURL* curl = message->easy_handle;
    const CURLcode done = message->data.result;
    char* pointer = nullptr;
    curl_easy_getinfo(curl, CURLINFO_PRIVATE, &pointer);
    Exchange& exchange = *reinterpret_cast<Exchange*>(pointer);
    if (done == CURLE_OK)
      curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &exchange.answer.status);
    else
      exchange.answer.error = curl_easy_strerror(done);
    require(curl_multi_remove_handle(multi_.get(), curl));
    const Callback callback = std::exchange(exchange.callback, nullptr);
    Answer answer = std::exchange(exchange.answer, {});
    free_.push_back(&exchange);
    callback(std::move(answer));
  }
  return any;
}

void HttpPool::set_timer(Clock::time_point until) {
  if (until == timer_set_) return;
  timer_set_ = until;
  // A value of 0 would disarm the timer.
  const auto ns = std::max<std::int64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(until.time_since_epoch()).count(), 1);
  const itimerspec time{.it_interval = {},
                        .it_value = {.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000}};
  if (::timerfd_settime(timer_.number(), TFD_TIMER_ABSTIME, &time, nullptr) != 0)
    throw_errno("timerfd_settime");
}

// --- Called by libcurl: nothing may be thrown ----------------------------------------------------

int HttpPool::on_socket(CURL*, curl_socket_t socket, int what, void* self, void* is_known) {
  auto& pool = *static_cast<HttpPool*>(self);
  if (what == CURL_POLL_REMOVE) {
    // A closed socket has already left the epoll set.
    ::epoll_ctl(pool.epoll_.number(), EPOLL_CTL_DEL, socket, nullptr);
    return 0;
  }
  epoll_event event{.events = 0, .data = {.fd = socket}};
  if (what == CURL_POLL_IN || what == CURL_POLL_INOUT) event.events |= EPOLLIN;
  if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT) event.events |= EPOLLOUT;
  const int how = is_known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  if (::epoll_ctl(pool.epoll_.number(), how, socket, &event) != 0) return -1;  // the request fails
  curl_multi_assign(pool.multi_.get(), socket, &pool);
  return 0;
}

int HttpPool::on_timer(CURLM*, long timeout_ms, void* self) {
  auto& due = static_cast<HttpPool*>(self)->curl_due_;
  due.reset();
  if (timeout_ms >= 0) due = Clock::now() + std::chrono::milliseconds(timeout_ms);
  return 0;
}

// The connection is established; the request is sent next.
int HttpPool::on_request(void* exchange, char*, char*, int, int) {
  ++static_cast<Exchange*>(exchange)->answer.times_sent;
  return CURL_PREREQFUNC_OK;
}

std::size_t HttpPool::on_body(char* data, std::size_t size, std::size_t count, void* exchange) {
  auto& [curl, fields, body, take, answer, callback] = *static_cast<Exchange*>(exchange);
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  if (answer.body.size() + size * count > ShopClient::longest_body) return CURL_WRITEFUNC_ERROR;
  if (!take || status != 200)
    answer.body.append(data, size * count);
  else if (!take({data, size * count}))
    return CURL_WRITEFUNC_ERROR;
  return size * count;
}

std::size_t HttpPool::on_header(char* data, std::size_t size, std::size_t count, void* exchange) {
  Answer& answer = static_cast<Exchange*>(exchange)->answer;
  const std::string_view line(data, size * count);
  const std::size_t colon = line.find(':');
  if (colon == line.npos) return line.size();
  const std::string_view name = line.substr(0, colon);
  std::string_view value = line.substr(colon + 1);
  value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
  value = value.substr(0, value.find_last_not_of(" \t\r\n") + 1);
  if (same_name(name, "Event-Position"))
    std::from_chars(value.data(), value.data() + value.size(), answer.position);
  else if (same_name(name, "Location"))
    answer.location = value;
  else if (same_name(name, "Retry-After"))
    answer.retry_after = retry_after_of(value);
  return line.size();
}

}  // namespace jangbu
