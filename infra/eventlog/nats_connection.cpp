#include "infra/eventlog/nats_connection.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <thread>
#include <utility>
#include <vector>

#include "events/errors.hpp"
#include "infra/eventlog/server_urls.hpp"

namespace jangbu {

using namespace std::chrono_literals;

namespace {

using NatsOptions = Handle<natsOptions, natsOptions_Destroy>;

constexpr auto retry_interval = 200ms;
constexpr auto log_interval = 1s;

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

NatsConnection::NatsConnection(const std::string& urls, std::chrono::milliseconds wait)
    : servers_(without_credentials(urls)) {
  connect(urls, wait);
  try {
    subscribe();
  } catch (...) {
    close();
    throw;
  }
}

NatsConnection::~NatsConnection() {
  close();
}

void NatsConnection::connect(const std::string& urls, std::chrono::milliseconds wait) {
  natsOptions* made = nullptr;
  require(natsOptions_Create(&made), "cnats");
  const NatsOptions options(made);
  const auto servers = split(urls, ',');
  std::vector<const char*> addresses;
  for (const auto& server : servers) addresses.push_back(server.c_str());

  const auto set = [](natsStatus status) { require(status, "cnats refused an option"); };
  set(natsOptions_SetServers(made, addresses.data(), static_cast<int>(addresses.size())));
  set(natsOptions_SetName(made, "jangbu"));
  set(natsOptions_SetTimeout(made, 2'000));
  // Latency before throughput: what is published goes out at once.
  set(natsOptions_SetSendAsap(made, true));
  // A peer that stopped reading is given up, or a publish would wait for it without end.
  set(natsOptions_SetWriteDeadline(made, 2'000));
  // A peer that vanished without a word is noticed within 15 s rather than minutes.
  set(natsOptions_SetPingInterval(made, 5'000));
  set(natsOptions_SetMaxPingsOut(made, 2));
  set(natsOptions_SetMaxReconnect(made, -1));
  set(natsOptions_SetReconnectWait(made, 100));
  set(natsOptions_SetReconnectJitter(made, 50, 50));
  // Nothing is published later, after its failure was reported. (The header calls 0 the default
  // of 8 MB; natsConn_publish compares with the number as it is, so that 0 keeps nothing.)
  set(natsOptions_SetReconnectBufSize(made, 0));
  set(natsOptions_SetFailRequestsOnDisconnect(made, true));
  set(natsOptions_SetIOBufSize(made, 256 * 1024));
  set(natsOptions_SetDisconnectedCB(made, on_disconnected, this));
  set(natsOptions_SetReconnectedCB(made, on_reconnected, this));
  set(natsOptions_SetClosedCB(made, on_closed, this));
  set(natsOptions_SetErrorHandler(made, on_error, this));

  const auto deadline = Clock::now() + wait;
  for (auto log_at = Clock::now();;) {
    natsConnection* connection = nullptr;
    const natsStatus status = natsConnection_Connect(&connection, made);
    if (status == NATS_OK) {
      connection_.reset(connection);
      return;
    }
    if (status == NATS_CONNECTION_AUTH_FAILED)
      throw Unavailable("NATS at " + servers_ +
                        " refuses the user or password: put them into the URL, "
                        "nats://user:password@host:port, with special characters percent-encoded "
                        "(a comma is %2C)");
    if (status == NATS_INVALID_ARG || status == NATS_ADDRESS_MISSING)
      throw Unavailable("not a URL of NATS, such as nats://user:password@127.0.0.1:4222, with " +
                        std::string("special characters percent-encoded (a comma is %2C): ") +
                        servers_);
    const auto now = Clock::now();
    if (now >= deadline)
      throw Unavailable("no NATS server at " + servers_ + " (" + natsStatus_GetText(status) +
                        "): start it, or name another one");
    if (now >= log_at) {
      spdlog::warn("waiting for NATS at {} ({})", servers_, natsStatus_GetText(status));
      log_at = now + log_interval;
    }
    std::this_thread::sleep_for(std::min<Clock::duration>(retry_interval, deadline - now));
  }
}

void NatsConnection::subscribe() {
  natsInbox* inbox = nullptr;
  require(natsInbox_Create(&inbox), "cnats");
  inbox_ = inbox;
  natsInbox_Destroy(inbox);
  natsSubscription* subscription = nullptr;
  require(natsConnection_Subscribe(&subscription, connection_.get(), (inbox_ + ".>").c_str(),
                                   on_message, this),
          "subscribing to the inbox");
  subscription_.reset(subscription);
  require(natsSubscription_SetOnCompleteCB(subscription, on_subscription_ended, this), "cnats");
  // The default drops messages, silently, when 65,536 of them wait.
  require(natsSubscription_SetPendingLimits(subscription, -1, -1), "cnats");
}

// Returns when cnats will call nothing of this object any more. There is nothing to drain: what was
// published is with the operating system.
void NatsConnection::close() {
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
  }
  natsConnection_Close(connection_.get());
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [this] { return closed_ && (subscription_ended_ || !subscription_); });
}

// --- Sending -------------------------------------------------------------------------------------

void NatsConnection::publish(natsMsg& message) {
  const natsStatus status = natsConnection_PublishMsg(connection_.get(), &message);
  if (status == NATS_OK) return;
  // NATS_INSUFFICIENT_BUFFER is how cnats says that there is no connection and no buffer either.
  throw Unavailable(
      "NATS at " + servers_ + " cannot be reached: " +
      (status == NATS_INSUFFICIENT_BUFFER ? "no connection" : natsStatus_GetText(status)));
}

void NatsConnection::publish(const std::string& subject, const std::string& reply,
                             std::string_view payload) {
  publish(*make_message(subject, reply, payload));
}

void NatsConnection::publish(const std::string& subject, std::string_view payload) {
  publish(subject, {}, payload);
}

NatsMessage NatsConnection::request(const std::string& subject, std::string_view payload,
                                    std::chrono::milliseconds timeout) {
  Mailbox mailbox(*this, unique_name());
  publish(subject, mailbox.subject(), payload);
  std::deque<NatsMessage> answers;
  switch (mailbox.wait(Clock::now() + timeout, answers)) {
    case Mailbox::Event::messages:
      return std::move(answers.front());
    case Mailbox::Event::lost:
      throw Unavailable("the connection to NATS at " + servers_ + " was lost");
    case Mailbox::Event::timeout:
      break;
  }
  throw Unavailable("NATS at " + servers_ + " did not answer " + subject + " within " +
                    std::to_string(timeout.count()) + " ms");
}

// --- State ---------------------------------------------------------------------------------------

bool NatsConnection::connected() const {
  return natsConnection_Status(connection_.get()) == NATS_CONN_STATUS_CONNECTED;
}

std::uint64_t NatsConnection::losses() const {
  std::lock_guard lock(mutex_);
  return losses_;
}

std::string NatsConnection::server_id() const {
  std::string id(128, '\0');
  if (natsConnection_GetConnectedServerId(connection_.get(), id.data(), id.size()) != NATS_OK)
    throw Unavailable("the connection to NATS at " + servers_ + " was lost");
  return id.c_str();
}

std::int64_t NatsConnection::max_payload() const {
  return natsConnection_GetMaxPayload(connection_.get());
}

std::string NatsConnection::unique_name() {
  std::lock_guard lock(mutex_);
  return inbox_.substr(inbox_.rfind('.') + 1) + "-" + std::to_string(++names_);
}

// --- Called by cnats -----------------------------------------------------------------------------

void NatsConnection::on_message(natsConnection*, natsSubscription*, natsMsg* message,
                                void* self) noexcept {
  auto& connection = *static_cast<NatsConnection*>(self);
  NatsMessage arrived(message);
  // What a consumer sends keeps the subject that it was published to.
  std::string_view name = natsMsg_GetSubject(message);
  if (const auto delivery = delivery_of(*message)) {
    name = delivery->consumer;
  } else {
    name.remove_prefix(std::min(connection.inbox_.size() + 1, name.size()));
  }
  std::lock_guard lock(connection.mutex_);
  const auto found = connection.mailboxes_.find(name);
  if (found == connection.mailboxes_.end()) return;  // the answer to a question given up
  found->second->arrived_.push_back(std::move(arrived));
  found->second->changed_.notify_one();
}

void NatsConnection::on_subscription_ended(void* self) noexcept {
  auto& connection = *static_cast<NatsConnection*>(self);
  std::lock_guard lock(connection.mutex_);
  connection.subscription_ended_ = true;
  connection.ended_.notify_one();
}

void NatsConnection::on_disconnected(natsConnection*, void* self) noexcept {
  auto& connection = *static_cast<NatsConnection*>(self);
  std::lock_guard lock(connection.mutex_);
  ++connection.losses_;
  for (const auto& [name, mailbox] : connection.mailboxes_) {
    mailbox->lost_ = true;
    mailbox->changed_.notify_one();
  }
  if (!connection.closing_)
    spdlog::warn("the connection to NATS at {} was lost; connecting again", connection.servers_);
}

void NatsConnection::on_reconnected(natsConnection*, void* self) noexcept {
  spdlog::info("connected to NATS at {} again", static_cast<NatsConnection*>(self)->servers_);
}

void NatsConnection::on_closed(natsConnection*, void* self) noexcept {
  auto& connection = *static_cast<NatsConnection*>(self);
  std::lock_guard lock(connection.mutex_);
  connection.closed_ = true;
  connection.ended_.notify_one();
  // cnats tries for ever, but ends when the server refuses the credentials twice.
  if (!connection.closing_)
    spdlog::critical(
        "NATS at {} refuses the user or password that it took before: start again with the "
        "right ones",
        connection.servers_);
}

void NatsConnection::on_error(natsConnection*, natsSubscription*, natsStatus status,
                              void* self) noexcept {
  spdlog::warn("NATS at {}: {}", static_cast<NatsConnection*>(self)->servers_,
               natsStatus_GetText(status));
}

// --- Messages ------------------------------------------------------------------------------------

// `$JS.ACK.<stream>.<consumer>.<deliveries>.<stream sequence>.<consumer
// sequence>.<time>.<pending>`, with `<domain>.<account hash>.` before the stream (and more at the
// end) where there are domains.
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
  const std::string_view sequence = tokens[stream + 3];
  Delivery delivery{.consumer = tokens[stream + 1]};
  std::from_chars(sequence.data(), sequence.data() + sequence.size(), delivery.stream_sequence);
  return delivery;
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
