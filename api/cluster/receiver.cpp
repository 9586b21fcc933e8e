#include "api/cluster/receiver.hpp"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <condition_variable>
#include <cstdlib>
#include <deque>
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

using Clock = std::chrono::steady_clock;

// The answers to one message.
struct Answers {
  struct Answer {
    std::uint32_t number;
    Made made;
  };

  const std::string reply;      // the subject
  std::size_t missing;          // that have not been made;
  std::vector<Answer> waiting;  // made, and not sent yet,
  Clock::time_point due;        // until then
};

// Answers on their way to the thread that sends them.
class Outbox {
 public:
  struct Posted {
    std::shared_ptr<Answers> of;
    std::vector<Answers::Answer> answers;
  };

  explicit Outbox(std::chrono::milliseconds together_within) : together_within_(together_within) {}

  void post(const std::shared_ptr<Answers>& of, Answers::Answer answer) {
    bool is_news = false;  // to the thread: when to wake up, or that it is time
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return;
      of->waiting.push_back(std::move(answer));
      --of->missing;
      if (of->waiting.size() == 1) {
        of->due = Clock::now() + together_within_;
        is_news = waiting_.empty();
        waiting_.push_back(of);
      }
      is_news = is_news || of->missing == 0;
    }
    if (is_news) changed_.notify_one();
  }
  // Makes the thread look around.
  void wake() {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    changed_.notify_one();
  }
  // What is posted from now on is dropped.
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_one();
  }
  // What is to be sent now, which may be nothing; nullopt once it is closed and empty.
  std::optional<std::vector<Posted>> collect() {
    std::unique_lock lock(mutex_);
    std::vector<Posted> due;
    for (;;) {
      std::erase_if(waiting_, [&, now = Clock::now()](const std::shared_ptr<Answers>& of) {
        if (!closed_ && of->missing > 0 && now < of->due) return false;
        due.push_back({of, std::exchange(of->waiting, {})});
        return true;
      });
      if (std::exchange(woken_, false) || !due.empty()) return due;
      if (closed_) return std::nullopt;
      if (waiting_.empty())
        changed_.wait(lock);
      else
        changed_.wait_until(lock, waiting_.front()->due);
    }
  }

 private:
  const std::chrono::milliseconds together_within_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Answers>> waiting_;  // those with answers, in the order of `due`
  bool woken_ = false;
  bool closed_ = false;
};

// An answer that goes back to the instance that forwarded the request. Commands are not answered by
// streams.
class ForwardedAnswer final : public http::Answering {
 public:
  ForwardedAnswer(std::shared_ptr<Outbox> outbox, std::shared_ptr<Answers> of, std::uint32_t number)
      : outbox_(std::move(outbox)), of_(std::move(of)), number_(number) {}
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
    if (!answered_.exchange(true)) outbox_->post(of_, {number_, std::move(made)});
  }

  const std::shared_ptr<Outbox> outbox_;
  const std::shared_ptr<Answers> of_;
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
    for (auto& [of, answers] : *posted)
      for (auto next = answers.begin(); next != answers.end();) {
        MessageWriter writer({});
        for (; next != answers.end() && writer.size() < full; ++next)
          writer.add(next->number, answer_item(make(std::move(next->made))));
        send(of->reply, std::move(writer).take());
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
    const std::string reply = reply_subject;
    const auto bytes = open(options_.secret, question_context(subject, reply), payload(received));
    if (!bytes)
      return complaints_.warn(
          "a message to " + subject +
          " is not from this cluster: --cluster-secret (or, without one, the quote secret) must be "
          "the same at all instances");
    const auto dot = reply.rfind('.');
    if (dot == reply.npos) return;
    std::uint64_t number = 0;
    std::from_chars(reply.data() + dot + 1, reply.data() + reply.size(), number);
    auto verdict = machine_.receive(standing_(), term, std::string_view(reply).substr(0, dot),
                                    number, *bytes, system_now());
    if (auto* undone = std::get_if<ReceiverMachine::Undone>(&verdict))
      return send(reply, undone->answer);
    if (const auto* message = std::get_if<Message>(&verdict)) serve(*message, reply);
  }

  void serve(const Message& message, const std::string& reply) {
    const auto answers = std::make_shared<Answers>(
        Answers{.reply = reply, .missing = message.items.size(), .waiting = {}, .due = {}});
    std::vector<Received> all;
    all.reserve(message.items.size());
    for (const Item& item : message.items) {
      requests_.add();
      const http::Exchange exchange(
          std::make_shared<ForwardedAnswer>(outbox_, answers, item.number));
      if (auto request = read_request(item))
        all.push_back({std::move(*request), exchange});
      else
        exchange.respond(
            Problem{problems::internal_error, "The forwarded request cannot be read."});
    }
    serve_(std::move(all));
  }

  static constexpr std::size_t full = std::size_t{512} << 10;

  NatsConnection& connection_;
  const Options options_;
  const std::function<Standing()> standing_;
  const Serve serve_;
  const std::shared_ptr<Outbox> outbox_ = std::make_shared<Outbox>(options_.together_within);
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
