#include "api/cluster/receiver.hpp"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "api/answers/problem.hpp"
#include "api/answers/problem_types.hpp"
#include "api/cluster/complaints.hpp"
#include "api/cluster/seal.hpp"
#include "api/cluster/subjects.hpp"
#include "api/http/answering.hpp"
#include "events/errors.hpp"
#include "infra/eventlog/nats_connection.hpp"
#include "infra/ids.hpp"
#include "infra/log.hpp"

namespace jangbu::cluster {

// --- What is taken -------------------------------------------------------------------------------

bool TakenMessages::take(std::string_view sender, std::uint64_t number, Timestamp now) {
  auto found = senders_.find(sender);
  if (found == senders_.end()) {
    std::erase_if(senders_, [&](const auto& known) {
      return known.second.heard.ms + 2 * believed_ms < now.ms;
    });
    if (senders_.size() >= most_senders) return false;
    found = senders_.emplace(sender, Window{}).first;
  }
  Window& window = found->second;
  if (number > window.last) {
    const std::uint64_t ahead = number - window.last;
    window.taken = ahead < window_size ? window.taken << ahead : 0;
    window.last = number;
  } else if (window.last - number >= window_size) {
    return false;
  }
  const std::uint64_t bit = std::uint64_t{1} << (window.last - number);
  if (window.taken & bit) return false;
  window.taken |= bit;
  window.heard = std::max(window.heard, now);
  return true;
}

bool TakenMessages::has(std::string_view sender, std::uint64_t number) const {
  const auto found = senders_.find(sender);
  if (found == senders_.end() || number > found->second.last) return false;
  const std::uint64_t behind = found->second.last - number;
  return behind >= window_size || (found->second.taken >> behind & 1) != 0;
}

ReceiverMachine::Verdict ReceiverMachine::receive(const Standing& standing, Position term,
                                                  std::string_view sender, std::uint64_t number,
                                                  std::string_view bytes, Timestamp now) {
  const auto undone = [](MessageWriter::Members members) {
    return Undone{MessageWriter(members).take()};
  };
  auto read = read_message(bytes);
  if (!read) return Ignored{};
  if (std::holds_alternative<OtherVersion>(*read)) return undone({{":undone", "version"}});
  if (!standing.active || standing.term != term) {
    // What was taken while it was active may have been done.
    if (term == term_ && taken_.has(sender, number)) return Ignored{};
    return undone({{":undone", "not-active"},
                   {":term", std::to_string(standing.term.value)},
                   {":instance", to_string(standing.instance)},
                   {":name", standing.name}});
  }
  auto& message = std::get<Message>(*read);
  const auto at = message.members.number(":at");
  if (!at || std::abs(now.ms - static_cast<std::int64_t>(*at)) > TakenMessages::believed_ms)
    return undone({{":undone", "clock"}});
  if (std::exchange(term_, term) != term) taken_ = {};
  if (!taken_.take(sender, number, now)) return Ignored{};
  return std::move(message);
}

// --- Answers -------------------------------------------------------------------------------------

namespace {

// The answer to a request, or how to make it.
using Made = std::variant<http::Response, std::function<http::Response()>>;

http::Response make(Made made) {
  if (auto* response = std::get_if<http::Response>(&made)) return std::move(*response);
  try {
    return std::get<std::function<http::Response()>>(made)();
  } catch (const Unavailable& away) {
    log::debug("a forwarded command: unavailable: {}", away.what());
    return Problem{.type = problems::unavailable,
                   .detail = "Something that is needed for the answer is away. Try again.",
                   .retry_after_s = 1};
  } catch (const std::exception& bug) {
    log::error("the answer to a forwarded command could not be made: {}", bug.what());
    return http::internal_error();
  }
}

// Answers on their way to the thread that sends them.
class Outbox {
 public:
  struct Posted {
    std::shared_ptr<const std::string> reply;  // the subject: the same for all of a message
    std::uint32_t number;
    Made made;
  };

  void post(Posted posted) {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    posted_.push_back(std::move(posted));
    if (posted_.size() == 1) changed_.notify_one();  // else the thread has been told already
  }
  // Makes the thread look around.
  void wake() {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    changed_.notify_one();
  }
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_one();
  }
  // What was posted; nullopt once it is closed, and everything was collected.
  std::optional<std::vector<Posted>> collect() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return closed_ || woken_ || !posted_.empty(); });
    if (closed_ && posted_.empty()) return std::nullopt;
    woken_ = false;
    return std::exchange(posted_, {});
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Posted> posted_;
  bool woken_ = false;
  bool closed_ = false;
};

// An answer that goes back to the instance that forwarded the request. Commands are not answered by
// streams.
class ForwardedAnswer final : public http::Answering {
 public:
  ForwardedAnswer(std::shared_ptr<Outbox> outbox, std::shared_ptr<const std::string> reply,
                  std::uint32_t number)
      : outbox_(std::move(outbox)), reply_(std::move(reply)), number_(number) {}
  ~ForwardedAnswer() override {
    if (answered_) return;
    log::error("a forwarded command was dropped without an answer");
    post(http::internal_error());
  }
  ForwardedAnswer(const ForwardedAnswer&) = delete;
  ForwardedAnswer& operator=(const ForwardedAnswer&) = delete;

  void respond(http::Response response) override { post(std::move(response)); }
  void respond_with(std::function<http::Response()> build) override { post(std::move(build)); }
  bool head_only() const override { return false; }
  bool client_gone() const override { return false; }  // as far as can be known here
  bool client_left() const override { return false; }
  void stream_start(http::Response, std::size_t) override { no_stream(); }
  bool stream_write(std::string) override { return no_stream(); }
  bool stream_write(const http::StreamPiece&) override { return no_stream(); }
  http::StreamBacklog stream_backlog() const override { return {}; }
  void stream_end() override { no_stream(); }
  void note_asker(std::string_view, std::string_view) override {}
  void note_forwarded() override {}

 private:
  static bool no_stream() {
    invariant(false, "the answer to a command is no stream");
    return false;
  }
  void post(Made made) {
    if (!answered_.exchange(true)) outbox_->post({reply_, number_, std::move(made)});
  }

  const std::shared_ptr<Outbox> outbox_;
  const std::shared_ptr<const std::string> reply_;
  const std::uint32_t number_;
  std::atomic<bool> answered_ = false;
};

}  // namespace

// --- Threads -------------------------------------------------------------------------------------

class Receiver::Impl {
 public:
  Impl(NatsConnection& connection, Options options, std::function<Standing()> standing, Serve serve)
      : connection_(connection),
        options_(std::move(options)),
        standing_(std::move(standing)),
        serve_(std::move(serve)),
        thread_([this] {
          ::pthread_setname_np(::pthread_self(), "receiver");
          run();
        }) {}
  ~Impl() {
    outbox_->close();
    thread_.join();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void standing_changed() { outbox_->wake(); }
  std::uint64_t requests() const { return requests_.value(); }

 private:
  void run() {
    do listen();
    while (send_answers());
    subscription_.reset();
  }

  void listen() {
    const Standing standing = standing_();
    if (!standing.active || standing.term == term_) return;
    subscription_.reset();
    term_ = standing.term;
    const std::string subject = forward_subject(options_.subjects, term_);
    subscription_.emplace(connection_, subject,
                          [this, term = term_, subject](const NatsMessage& message) {
                            receive(term, subject, *message);
                          });
  }

  bool send_answers() {
    auto posted = outbox_->collect();
    if (!posted) return false;
    for (auto next = posted->begin(); next != posted->end();) {
      const auto& reply = next->reply;
      MessageWriter writer({});
      for (; next != posted->end() && next->reply == reply && writer.size() < full; ++next)
        writer.add(next->number, answer_item(make(std::move(next->made))));
      send(*reply, std::move(writer).take());
    }
    return true;
  }

  void send(const std::string& reply, std::string_view bytes) {
    try {
      connection_.publish(reply, seal(options_.secret, answer_context(reply), bytes));
    } catch (const Unavailable& away) {
      log::debug("answers to forwarded commands are lost: {}", away.what());
    }
  }

  // On a thread of cnats.
  void receive(Position term, const std::string& subject, natsMsg& received) {
    const char* reply_subject = natsMsg_GetReply(&received);
    if (!reply_subject) return;
    const auto reply = std::make_shared<const std::string>(reply_subject);
    const auto bytes = open(options_.secret, question_context(subject, *reply), payload(received));
    if (!bytes)
      return complaints_.warn(
          "a message to " + subject +
          " is not from this cluster: --cluster-secret (or, without one, the quote secret) must be "
          "the same at all instances");
    const auto dot = reply->rfind('.');
    if (dot == reply->npos) return;
    std::uint64_t number = 0;
    std::from_chars(reply->data() + dot + 1, reply->data() + reply->size(), number);
    auto verdict = machine_.receive(standing_(), term, std::string_view(*reply).substr(0, dot),
                                    number, *bytes, system_now());
    if (auto* undone = std::get_if<ReceiverMachine::Undone>(&verdict))
      return send(*reply, undone->answer);
    const auto* message = std::get_if<Message>(&verdict);
    if (!message) return;
    for (const Item& item : message->items) serve(item, reply);
  }

  void serve(const Item& item, const std::shared_ptr<const std::string>& reply) {
    requests_.add();
    const http::Exchange exchange(std::make_shared<ForwardedAnswer>(outbox_, reply, item.number));
    auto request = read_request(item);
    if (!request)
      return exchange.respond(
          Problem{problems::internal_error, "The forwarded request cannot be read."});
    try {
      serve_(std::move(*request), exchange);
    } catch (const std::exception& bug) {
      log::error("a forwarded command failed: {}", bug.what());
      exchange.respond(http::internal_error());
    }
  }

  static constexpr std::size_t full = std::size_t{512} << 10;

  NatsConnection& connection_;
  const Options options_;
  const std::function<Standing()> standing_;
  const Serve serve_;
  const std::shared_ptr<Outbox> outbox_ = std::make_shared<Outbox>();
  Complaints complaints_;
  Counter requests_;
  ReceiverMachine machine_;  // used by the subscription's thread
  // Used by our thread:
  Position term_;
  std::optional<NatsConnection::Subscription> subscription_;
  std::thread thread_;  // last: it uses everything above
};

Receiver::Receiver(NatsConnection& connection, Options options, std::function<Standing()> standing,
                   Serve serve)
    : impl_(std::make_unique<Impl>(connection, std::move(options), std::move(standing),
                                   std::move(serve))) {}

Receiver::~Receiver() = default;

void Receiver::standing_changed() {
  impl_->standing_changed();
}

std::uint64_t Receiver::requests() const {
  return impl_->requests();
}

}  // namespace jangbu::cluster
