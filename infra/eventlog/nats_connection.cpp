#include "infra/eventlog/nats_connection.hpp"

#include <pthread.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <iterator>
#include <utility>

#include "events/errors.hpp"
#include "infra/eventlog/server_urls.hpp"
#include "infra/log.hpp"

namespace jangbu {

using namespace std::chrono_literals;

namespace {

using NatsOptions = Handle<natsOptions, natsOptions_Destroy>;

// For the first connection.
constexpr auto retry_interval = 200ms;
constexpr auto log_interval = 1s;

// For reconnecting. A server logs every refusal, so attempts are spaced out, also when a server
// drops connections as soon as it has accepted them.
constexpr auto first_pause = 50ms;
constexpr std::chrono::milliseconds longest_pause = 2s;
constexpr auto lasting = 10s;
constexpr auto same_cause_again = 60s;
constexpr auto other_cause = 5s;

constexpr int timeout_ms = 2'000;

// Cluster members come and go: bounds the URLs that are remembered.
constexpr std::size_t most_discovered = 32;

// An objection this shortly before the end of a connection is taken as the reason for it.
constexpr auto last_words = 2s;

void require(natsStatus status, const char* what) {
  if (status != NATS_OK) throw Unavailable(std::string(what) + ": " + natsStatus_GetText(status));
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (;;) {
    const auto end = std::min(text.find(separator), text.size());
    parts.emplace_back(text.substr(0, end));
    if (end == text.size()) return parts;
    text.remove_prefix(end + 1);
  }
}

// The other servers of the cluster, as announced by the server of this connection, with the
// credentials of the first URL.
std::vector<std::string> discovered_servers(natsConnection* connection, const std::string& url) {
  char** found = nullptr;
  int count = 0;
  std::vector<std::string> urls;
  if (natsConnection_GetDiscoveredServers(connection, &found, &count) != NATS_OK) return urls;
  const auto scheme = url.find("://");
  const auto begin = scheme == std::string::npos ? 0 : scheme + 3;
  const auto at = url.rfind('@');
  const std::string credentials =
      at == std::string::npos ? std::string() : url.substr(begin, at + 1 - begin);
  for (int i = 0; i < count; ++i) {
    std::string other = found[i];
    const auto mark = other.find("://");
    urls.push_back(other.insert(mark == std::string::npos ? 0 : mark + 3, credentials));
    std::free(found[i]);
  }
  std::free(found);
  return urls;
}

// The error of this thread's last call, in the server's words if available. cnats prefixes the
// text with the place in its source, "(conn.c:1905): ".
std::string last_error(natsStatus status) {
  const char* detail = nats_GetLastError(nullptr);
  std::string_view text = detail ? detail : "";
  if (const auto place = text.find("): "); text.starts_with('(') && place != text.npos)
    text.remove_prefix(place + 3);
  return std::string(text.empty() ? natsStatus_GetText(status) : text);
}

// The error that ended a connection or that the server reported, in the server's words if
// available.
std::string error_of(natsConnection* connection, natsStatus status) {
  const char* text = nullptr;
  natsConnection_GetLastError(connection, &text);
  const bool in_words =
      status == NATS_ERR || status == NATS_CONNECTION_AUTH_FAILED || status == NATS_NOT_PERMITTED;
  return in_words && text && *text ? text : natsStatus_GetText(status);
}

}  // namespace

// --- Mailbox -------------------------------------------------------------------------------------

NatsConnection::Mailbox::Mailbox(NatsConnection& connection, std::string name)
    : connection_(connection), name_(std::move(name)) {
  std::lock_guard lock(connection_.mutex_);
  const bool added = connection_.mailboxes_.emplace(name_, this).second;
  invariant(added, "a mailbox's name is its own");
}

NatsConnection::Mailbox::~Mailbox() {
  std::lock_guard lock(connection_.mutex_);
  connection_.mailboxes_.erase(name_);
}

NatsConnection::Mailbox::Event NatsConnection::Mailbox::wait(Clock::time_point until,
                                                             std::deque<NatsMessage>& to) {
  std::unique_lock lock(connection_.mutex_);
  changed_.wait_until(lock, until, [this] { return !arrived_.empty() || lost_; });
  if (arrived_.empty()) return lost_ ? Event::lost : Event::timeout;
  if (to.empty()) {
    to.swap(arrived_);
  } else {
    std::ranges::move(arrived_, std::back_inserter(to));
    arrived_.clear();
  }
  return Event::messages;
}

// --- Connecting ----------------------------------------------------------------------------------

// cnats holds a link's address until both the link's connection and its inbox have ended.
struct NatsConnection::Link {
  explicit Link(NatsConnection& its_owner) : owner(its_owner) {}

  NatsConnection& owner;
  Handle<natsConnection, natsConnection_Destroy> connection;
  Handle<natsSubscription, natsSubscription_Destroy> inbox;
  const Clock::time_point began = Clock::now();

  // Under the owner's lock:
  bool closed = false;
  bool inbox_ended = false;
  bool deaf = false;      // connected, but nothing arrives any more
  std::string complaint;  // the last one
  Clock::time_point complained_at;
  std::string why_ended;
};

NatsConnection::NatsConnection(const std::string& urls, std::string purpose,
                               std::chrono::milliseconds wait, Sending sending)
    : urls_(split(urls, ',')),
      purpose_(std::move(purpose)),
      sending_(sending),
      servers_(without_credentials(urls)),
      pause_(first_pause) {
  natsInbox* inbox = nullptr;
  require(natsInbox_Create(&inbox), "cnats");
  inbox_ = inbox;
  natsInbox_Destroy(inbox);
  link_ = connect(wait);
  keeper_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "nats-keeper");
    keep_connected();
  });
}

NatsConnection::~NatsConnection() {
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_all();
  keeper_.join();
}

NatsConnection::LinkPtr NatsConnection::connect(std::chrono::milliseconds wait) {
  const auto deadline = Clock::now() + wait;
  for (auto log_at = Clock::now();;) {
    Failure failure;
    if (auto link = try_connect(failure)) return link;
    if (failure.refused)
      throw Unavailable("NATS at " + servers_ + " refuses the user or password (" + failure.why +
                        "): put the right ones into the URL, nats://user:password@host:port, with "
                        "special characters percent-encoded (a comma is %2C)");
    if (failure.bad_url)
      throw Unavailable(
          "not a URL of NATS, such as nats://user:password@127.0.0.1:4222, with "
          "special characters percent-encoded (a comma is %2C): " +
          servers_);
    const auto now = Clock::now();
    if (now >= deadline)
      throw Unavailable("no NATS server at " + servers_ + " (" + failure.why +
                        "): start it, or name another one");
    if (now >= log_at) {
      log::warn("waiting for NATS at {} ({})", servers_, failure.why);
      log_at = now + log_interval;
    }
    std::this_thread::sleep_for(std::min<Clock::duration>(retry_interval, deadline - now));
  }
}

NatsConnection::LinkPtr NatsConnection::try_connect(Failure& failure) {
  natsOptions* made = nullptr;
  require(natsOptions_Create(&made), "cnats");
  const NatsOptions options(made);
  const auto link = std::make_shared<Link>(*this);
  const std::string name = "jangbu " + purpose_;
  std::vector<const char*> servers;
  for (const auto& url : urls_) servers.push_back(url.c_str());
  for (const auto& url : discovered_) servers.push_back(url.c_str());

  const auto set = [](natsStatus status) { require(status, "cnats refused an option"); };
  set(natsOptions_SetName(made, name.c_str()));
  set(natsOptions_SetTimeout(made, timeout_ms));
  set(natsOptions_SetSendAsap(made, sending_ == Sending::at_once));
  // A peer that stopped reading is given up; otherwise a publish would block forever.
  set(natsOptions_SetWriteDeadline(made, timeout_ms));
  // A peer that vanished silently is noticed within 15 s rather than minutes.
  set(natsOptions_SetPingInterval(made, 5'000));
  set(natsOptions_SetMaxPingsOut(made, 2));
  set(natsOptions_SetAllowReconnect(made, false));
  set(natsOptions_SetIOBufSize(made, 256 * 1024));
  set(natsOptions_SetClosedCB(made, on_closed, link.get()));
  set(natsOptions_SetErrorHandler(made, on_error, link.get()));

  natsConnection* connection = nullptr;
  natsStatus status =
      natsOptions_SetServers(made, servers.data(), static_cast<int>(servers.size()));
  if (status == NATS_OK) status = natsConnection_Connect(&connection, made);
  if (status != NATS_OK) {
    failure = {.why = last_error(status),
               .refused = status == NATS_CONNECTION_AUTH_FAILED,
               .bad_url = status == NATS_INVALID_ARG || status == NATS_ADDRESS_MISSING};
    return nullptr;
  }
  link->connection.reset(connection);

  natsSubscription* inbox = nullptr;
  status =
      natsConnection_Subscribe(&inbox, connection, (inbox_ + ".>").c_str(), on_message, link.get());
  link->inbox.reset(inbox);
  if (inbox) {
    if (natsSubscription_SetOnCompleteCB(inbox, on_inbox_ended, link.get()) != NATS_OK) {
      // The connection has already ended, and no callback will report the inbox's end.
      std::lock_guard lock(mutex_);
      link->inbox_ended = true;
    }
    // By default, cnats silently drops messages once 65,536 are pending.
    natsSubscription_SetPendingLimits(inbox, -1, -1);
  }
  // The server's answer shows whether the subscription is permitted.
  if (status == NATS_OK) status = natsConnection_FlushTimeout(connection, timeout_ms);
  const char* unused = nullptr;
  if (status == NATS_OK) status = natsConnection_GetLastError(connection, &unused);
  if (status == NATS_OK) return link;
  failure = {.why = error_of(connection, status), .refused = status == NATS_NOT_PERMITTED};
  end(*link);
  return nullptr;
}

// Returns once cnats makes no more callbacks for the link. Nothing needs draining: what was
// published is with the operating system, or somebody waits for its acknowledgement.
void NatsConnection::end(Link& link) {
  natsConnection_Close(link.connection.get());
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return link.closed && (link.inbox_ended || !link.inbox); });
}

void NatsConnection::use_another_server() {
  LinkPtr link;
  {
    std::lock_guard lock(mutex_);
    if (!link_ || urls_.size() + discovered_.size() < 2) return;
    link = link_;
    link->why_ended = "it does not answer, so that another server is tried";
  }
  natsConnection_Close(link->connection.get());
}

// --- Connecting again ----------------------------------------------------------------------------

void NatsConnection::keep_connected() {
  do {
    const LinkPtr ended = wait_for_end();
    if (!ended) return;
    // cnats does not report the URLs that a link was given as discovered.
    for (std::string& url : discovered_servers(ended->connection.get(), urls_.front()))
      if (discovered_.size() < most_discovered && std::ranges::count(urls_, url) == 0 &&
          std::ranges::count(discovered_, url) == 0)
        discovered_.push_back(std::move(url));
    if (Clock::now() > ended->began + lasting) pause_ = first_pause;
  } while (connect_again());
}

NatsConnection::LinkPtr NatsConnection::wait_for_end() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return closing_ || link_->closed || link_->deaf; });
  const LinkPtr link = std::exchange(link_, nullptr);
  const bool closing = closing_;
  const std::string why = link->why_ended;
  why_away_ = why;
  ++losses_;
  for (const auto& [name, mailbox] : mailboxes_) {
    mailbox->lost_ = true;
    mailbox->changed_.notify_one();
  }
  lock.unlock();
  if (!closing)
    log::warn("the connection to NATS at {} for {} was lost ({}); connecting again", servers_,
              purpose_, why);
  end(*link);
  return closing ? nullptr : link;
}

// False when this object is being destroyed.
bool NatsConnection::connect_again() {
  std::string told;
  for (auto tell_at = Clock::now();;) {
    {
      std::unique_lock lock(mutex_);
      if (changed_.wait_for(lock, pause_, [this] { return closing_; })) return false;
    }
    pause_ = std::min(2 * pause_, longest_pause);
    Failure failure;
    try {
      if (LinkPtr link = try_connect(failure)) {
        log::info("connected to NATS at {} for {} again", servers_, purpose_);
        std::lock_guard lock(mutex_);
        for (Subscription* subscription : subscriptions_)
          subscription->open(link->connection.get());
        link_ = std::move(link);
        return true;
      }
    } catch (const Unavailable& error) {
      failure.why = error.what();
    }
    if (failure.refused) failure.why = "it refuses the user or password (" + failure.why + ")";
    const auto now = Clock::now();
    if (now >= tell_at + (failure.why == told ? same_cause_again : other_cause) || told.empty()) {
      log::warn("{}; trying on", unreachable(failure.why));
      told = failure.why;
      tell_at = now;
    }
    std::lock_guard lock(mutex_);
    why_away_ = failure.why;
  }
}

NatsConnection::LinkPtr NatsConnection::current() const {
  std::lock_guard lock(mutex_);
  if (!link_) throw Unavailable(unreachable(why_away_));
  return link_;
}

std::string NatsConnection::unreachable(std::string_view why) const {
  return "NATS at " + servers_ + " cannot be reached: " + std::string(why);
}

// --- Sending -------------------------------------------------------------------------------------

void NatsConnection::publish(natsMsg& message) {
  const natsStatus status = natsConnection_PublishMsg(current()->connection.get(), &message);
  if (status != NATS_OK) throw Unavailable(unreachable(natsStatus_GetText(status)));
}

// Not by a natsMsg: cnats wakes a thread of its own to free one.
void NatsConnection::publish(const std::string& subject, const std::string& reply,
                             std::string_view payload) {
  const LinkPtr link = current();  // which another thread may replace meanwhile
  natsConnection* connection = link->connection.get();
  const int size = static_cast<int>(payload.size());
  const natsStatus status =
      reply.empty() ? natsConnection_Publish(connection, subject.c_str(), payload.data(), size)
                    : natsConnection_PublishRequest(connection, subject.c_str(), reply.c_str(),
                                                    payload.data(), size);
  if (status != NATS_OK) throw Unavailable(unreachable(natsStatus_GetText(status)));
}

void NatsConnection::publish(const std::string& subject, std::string_view payload) {
  publish(subject, {}, payload);
}

NatsMessage NatsConnection::request(const std::string& subject, std::string_view payload,
                                    std::chrono::milliseconds timeout) {
  const auto began = Clock::now();
  Mailbox mailbox(*this, unique_name());
  publish(subject, mailbox.subject(), payload);
  std::deque<NatsMessage> answers;
  switch (mailbox.wait(began + timeout, answers)) {
    case Mailbox::Event::messages:
      return std::move(answers.front());
    case Mailbox::Event::lost:
      throw Unavailable("the connection to NATS at " + servers_ + " was lost");
    case Mailbox::Event::timeout:
      break;
  }
  const std::string complaint = complaint_since(began);
  throw Unavailable("NATS at " + servers_ + " did not answer " + subject + " within " +
                    std::to_string(timeout.count()) + " ms" +
                    (complaint.empty() ? "" : "; it says: " + complaint));
}

// --- Subscription --------------------------------------------------------------------------------

NatsConnection::Subscription::Subscription(NatsConnection& connection, std::string subject,
                                           Handler handler, std::size_t most_bytes)
    : connection_(connection),
      subject_(std::move(subject)),
      most_bytes_(static_cast<int>(most_bytes)),
      receiving_(std::make_shared<Receiving>()) {
  receiving_->handler = std::move(handler);
  std::lock_guard lock(connection_.mutex_);
  connection_.subscriptions_.insert(this);
  if (connection_.link_) open(connection_.link_->connection.get());
}

NatsConnection::Subscription::~Subscription() {
  {
    std::lock_guard lock(receiving_->mutex);
    receiving_->handler = nullptr;
  }
  std::lock_guard lock(connection_.mutex_);
  connection_.subscriptions_.erase(this);
  opened_.reset();
}

// REQUIRES: the connection's lock is held. A failure means that the connection has ended; the
// subscription will be opened on the next one.
void NatsConnection::Subscription::open(natsConnection* connection) {
  auto receiving = std::make_unique<std::shared_ptr<Receiving>>(receiving_);
  natsSubscription* opened = nullptr;
  const natsStatus status =
      natsConnection_Subscribe(&opened, connection, subject_.c_str(), on_message, receiving.get());
  opened_.reset(opened);
  if (status != NATS_OK) return;
  natsSubscription_SetPendingLimits(opened, -1, most_bytes_);
  // If this fails, nobody can say when cnats has forgotten the pointer, so it is left behind.
  natsSubscription_SetOnCompleteCB(opened, on_ended, receiving.release());
}

void NatsConnection::Subscription::on_message(natsConnection*, natsSubscription*, natsMsg* message,
                                              void* receiving) noexcept {
  NatsMessage arrived(message);
  Receiving& by = **static_cast<std::shared_ptr<Receiving>*>(receiving);
  std::lock_guard lock(by.mutex);
  if (by.handler) by.handler(std::move(arrived));
}

void NatsConnection::Subscription::on_ended(void* receiving) noexcept {
  delete static_cast<std::shared_ptr<Receiving>*>(receiving);
}

// --- State ---------------------------------------------------------------------------------------

std::string NatsConnection::why_away() const {
  std::lock_guard lock(mutex_);
  if (link_ && !link_->closed) return {};
  return unreachable(link_ ? link_->why_ended : why_away_);
}

std::string NatsConnection::complaint_since(Clock::time_point then) const {
  std::lock_guard lock(mutex_);
  return link_ && link_->complained_at >= then ? link_->complaint : std::string();
}

std::uint64_t NatsConnection::losses() const {
  std::lock_guard lock(mutex_);
  return losses_;
}

std::string NatsConnection::server_id() const {
  std::string id(128, '\0');
  if (natsConnection_GetConnectedServerId(current()->connection.get(), id.data(), id.size()) !=
      NATS_OK)
    throw Unavailable("the connection to NATS at " + servers_ + " was lost");
  return id.c_str();
}

std::int64_t NatsConnection::max_payload() const {
  return natsConnection_GetMaxPayload(current()->connection.get());
}

std::string NatsConnection::unique_name() {
  std::lock_guard lock(mutex_);
  return inbox_.substr(inbox_.rfind('.') + 1) + "-" + std::to_string(++names_);
}

// --- Called by cnats -----------------------------------------------------------------------------

void NatsConnection::on_message(natsConnection*, natsSubscription*, natsMsg* message,
                                void* link) noexcept {
  NatsConnection& connection = static_cast<Link*>(link)->owner;
  NatsMessage arrived(message);
  // A message from a consumer keeps the subject it was published to.
  std::string_view name = natsMsg_GetSubject(message);
  if (const auto delivery = delivery_of(*message)) {
    name = delivery->consumer;
  } else {
    name.remove_prefix(std::min(connection.inbox_.size() + 1, name.size()));
  }
  std::lock_guard lock(connection.mutex_);
  const auto found = connection.mailboxes_.find(name);
  if (found == connection.mailboxes_.end()) return;  // an answer nobody waits for any more
  found->second->arrived_.push_back(std::move(arrived));
  found->second->changed_.notify_one();
}

void NatsConnection::on_inbox_ended(void* link) noexcept {
  Link& ended = *static_cast<Link*>(link);
  NatsConnection& connection = ended.owner;
  std::lock_guard lock(connection.mutex_);
  ended.inbox_ended = true;
  connection.changed_.notify_all();
}

void NatsConnection::on_closed(natsConnection* of_link, void* link) noexcept {
  Link& ended = *static_cast<Link*>(link);
  NatsConnection& connection = ended.owner;
  const char* unused = nullptr;
  std::string why = error_of(of_link, natsConnection_GetLastError(of_link, &unused));
  std::lock_guard lock(connection.mutex_);
  if (ended.why_ended.empty())
    ended.why_ended =
        Clock::now() < ended.complained_at + last_words ? ended.complaint : std::move(why);
  ended.closed = true;
  connection.changed_.notify_all();
}

// Records what the server objects to. Most objections precede the end of the connection, and a
// refused publish is reported by whoever waits for the answer. But if the inbox subscription is
// refused, nothing will ever be answered on this link, even if the permission returns.
void NatsConnection::on_error(natsConnection* of_link, natsSubscription*, natsStatus status,
                              void* link) noexcept {
  Link& about = *static_cast<Link*>(link);
  NatsConnection& connection = about.owner;
  std::string text = error_of(of_link, status);
  bool is_news = false;
  {
    std::lock_guard lock(connection.mutex_);
    // Objections while a link is being made are reported by the code that makes it.
    is_news = connection.link_.get() == &about && about.complaint != text;
    about.complaint = text;
    about.complained_at = Clock::now();
    if (status == NATS_NOT_PERMITTED && text.find("Subscription") != std::string::npos &&
        text.find(connection.inbox_) != std::string::npos) {
      about.deaf = true;
      about.why_ended = text;
    }
    connection.changed_.notify_all();
  }
  if (is_news) log::warn("NATS at {}: {}", connection.servers_, text);
}

// --- Messages ------------------------------------------------------------------------------------

// `$JS.ACK.<stream>.<consumer>.<deliveries>.<stream sequence>.<consumer
// sequence>.<time>.<pending>`, with `<domain>.<account hash>.` before the stream (and more at the
// end) when domains are used.
std::optional<Delivery> delivery_of(const natsMsg& message) {
  const char* reply = natsMsg_GetReply(&message);
  if (!reply || !std::string_view(reply).starts_with("$JS.ACK.")) return std::nullopt;
  std::array<std::string_view, 12> tokens;
  std::size_t count = 0;
  for (std::string_view rest = reply; !rest.empty() && count < tokens.size(); ++count) {
    const auto end = std::min(rest.find('.'), rest.size());
    tokens[count] = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (count < 9) return std::nullopt;
  const std::size_t stream = count < 11 ? 2 : 4;
  const auto number = [&](std::size_t token) {
    const std::string_view text = tokens[token];
    std::uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  };
  return Delivery{.consumer = tokens[stream + 1],
                  .deliveries = number(stream + 2),
                  .stream_sequence = number(stream + 3)};
}

NatsMessage make_message(const std::string& subject, const std::string& reply,
                         std::string_view payload) {
  natsMsg* message = nullptr;
  require(natsMsg_Create(&message, subject.c_str(), reply.empty() ? nullptr : reply.c_str(),
                         payload.data(), static_cast<int>(payload.size())),
          "making a message");
  return NatsMessage(message);
}

std::string_view header(natsMsg& message, const char* name) {
  const char* value = nullptr;
  return natsMsgHeader_Get(&message, name, &value) == NATS_OK ? value : std::string_view();
}

void set_header(natsMsg& message, const char* name, const std::string& value) {
  require(natsMsgHeader_Set(&message, name, value.c_str()), "setting a header");
}

std::string_view payload(const natsMsg& message) {
  return {natsMsg_GetData(&message), static_cast<std::size_t>(natsMsg_GetDataLength(&message))};
}

}  // namespace jangbu
