#include "infra/eventlog/jetstream_reader.hpp"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "events/errors.hpp"
#include "infra/json_tree.hpp"
#include "infra/log.hpp"

namespace jangbu {

using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr std::chrono::nanoseconds heartbeat = 1s;
constexpr std::chrono::nanoseconds request_lifetime = 30s;
constexpr std::chrono::nanoseconds inactive_threshold = 30s;
// Two missed heartbeats, plus some patience for a busy machine.
constexpr auto longest_silence = 2 * heartbeat + 500ms;
// What the leader has and a consumer does not bring for so long will not come.
constexpr auto longest_behind = 2s;
// Of one in five servers: by chance it would be missed once in 10^9 times.
constexpr unsigned most_places_tried = 100;

// The first pull is small, since many readers want only a few commits; each further pull is twice
// as large.
constexpr std::size_t first_pull = 32;
constexpr std::size_t largest_pull = 512;
// The largest message that NATS accepts by default (1 MiB) fits, including the overhead that NATS
// adds. (A prime: a server that has sent exactly this many bytes does not report the end of the
// pull, and commits of equal size never add up to a prime.)
constexpr std::size_t usual_pull_bytes = 2'097'143;
constexpr std::string_view pull_is_full = "Message Size Exceeds MaxBytes";
constexpr std::string_view pull_is_complete = "Batch Completed";

}  // namespace

JetStreamReader::JetStreamReader(Stream& stream, Position from, std::string server)
    : stream_(stream),
      server_(std::move(server)),
      next_(from),
      pull_messages_(first_pull),
      pull_bytes_(usual_pull_bytes) {}

JetStreamReader::~JetStreamReader() {
  give_up_consumer();
}

std::vector<StoredCommit> JetStreamReader::next(std::size_t max,
                                                std::chrono::milliseconds timeout) {
  try {
    return next_until(Clock::now() + timeout, max);
  } catch (const json::exception& odd) {
    throw stream_.not_understood(odd);
  }
}

std::vector<StoredCommit> JetStreamReader::next_until(Clock::time_point deadline, std::size_t max) {
  for (;;) {
    if (from_leader_) {
      auto commits = take_from_leader(max);
      if (!commits.empty()) return commits;
    }
    if (!consumer_) open();
    auto commits = take(max);
    try {
      if (consumer_) pull();
    } catch (const Unavailable&) {
      give_up_consumer();
      if (commits.empty()) throw;
    }
    if (!commits.empty() || Clock::now() >= deadline) return commits;
    if (consumer_) wait(deadline);
  }
}

// Whether a consumer lives where it is wanted.
bool JetStreamReader::is_placed(const json& created) const {
  return server_.empty() ||
         created.value(json::json_pointer("/cluster/leader"), std::string()) == server_;
}

void JetStreamReader::open() {
  stream_.require_intact();
  // The server chooses at random where a consumer lives, among those that keep the stream.
  for (unsigned attempts = 1;; ++attempts) {
    if (open_one()) return;
    if (attempts == most_places_tried)
      throw Unavailable("reading " + stream_.called() + ": nothing is put on " + server_ +
                        ", which has no copy of it, or is away");
  }
}

bool JetStreamReader::open_one() {
  const std::string name = stream_.bulk.unique_name();
  // The mailbox comes first, so that it learns of a connection lost from here on.
  consumer_.emplace(stream_.bulk, name);
  try {
    const json answer = stream_.api.call("CONSUMER.CREATE." + stream_.name() + "." + name,
                                         {{"stream_name", stream_.name()},
                                          {"action", "create"},
                                          {"config",
                                           {{"name", name},
                                            {"deliver_policy", "by_start_sequence"},
                                            {"opt_start_seq", next_.value},
                                            {"ack_policy", "none"},
                                            {"replay_policy", "instant"},
                                            {"mem_storage", true},
                                            {"num_replicas", 1},
                                            {"inactive_threshold", inactive_threshold.count()}}}});
    if (error_code(answer) == api_error::stream_not_found) stream_.last();  // throws with the loss
    if (error_code(answer) != 0)
      throw Unavailable("reading " + stream_.called() + ": " + error_text(answer));
    if (!is_placed(answer)) {
      give_up_consumer();
      return false;
    }
    pull();
    return true;
  } catch (...) {
    give_up_consumer();
    throw;
  }
}

// Requests more messages once everything requested before has been taken.
void JetStreamReader::pull() {
  if (consumer_->wanted > 0) return;
  stream_.bulk.publish("$JS.API.CONSUMER.MSG.NEXT." + stream_.name() + "." + consumer_->name,
                       consumer_->mailbox.subject(),
                       json_text(json{{"batch", pull_messages_},
                                      {"max_bytes", pull_bytes_},
                                      {"expires", request_lifetime.count()},
                                      {"idle_heartbeat", heartbeat.count()}}));
  // Without a pull the server had nothing to send, so silence counts only from here.
  consumer_->heard = Clock::now();
  consumer_->wanted = pull_messages_;
  consumer_->pull_delivered = false;
  pull_messages_ = std::min(2 * pull_messages_, largest_pull);
}

void JetStreamReader::wait(Clock::time_point until) {
  const auto silent = consumer_->heard + longest_silence;
  switch (consumer_->mailbox.wait(std::min<Clock::time_point>(until, silent), consumer_->arrived)) {
    case NatsConnection::Mailbox::Event::messages:
      consumer_->heard = Clock::now();
      break;
    case NatsConnection::Mailbox::Event::lost:
      consumer_.reset();
      break;
    case NatsConnection::Mailbox::Event::timeout:
      if (Clock::now() >= silent) retire("no heartbeat");
      break;
  }
}

// Up to `max` of the commits that have arrived.
std::vector<StoredCommit> JetStreamReader::take(std::size_t max) {
  std::vector<StoredCommit> commits;
  while (consumer_ && !consumer_->arrived.empty() && commits.size() < max) {
    natsMsg& message = *consumer_->arrived.front();
    const auto delivery = delivery_of(message);
    if (!delivery) {
      if (take_end_of_pull()) continue;
      if (!commits.empty()) break;  // a status may throw, so return what was taken first
      const NatsMessage status = std::move(consumer_->arrived.front());
      consumer_->arrived.pop_front();
      take_status(*status);
      continue;
    }
    const Position position{delivery->stream_sequence};
    if (position > next_) {
      if (!commits.empty()) break;
      lack(position);
      break;
    }
    if (position == next_) {
      try {
        commits.push_back(stored_commit(
            stream_, position, [&](const char* name) { return header(message, name); },
            payload(message), nullptr));
      } catch (const Corrupt&) {
        if (commits.empty()) throw;
        break;
      }
      commits.back().owner = std::shared_ptr<natsMsg>(std::move(consumer_->arrived.front()));
      advance_to(position);
      consumer_->delivered = true;
    }
    // A lower position precedes a reader's start that was beyond the end of the log.
    consumer_->arrived.pop_front();
    consumer_->pull_delivered = true;
    if (consumer_->wanted > 0) --consumer_->wanted;
  }
  if (consumer_) take_end_of_pull();
  if (!commits.empty() && server_.empty()) stream_.saw(commits.back().position, commits.back().id);
  return commits;
}

// Handles a status that ends a pull, if it is next: the pull's time is up, or the next message
// exceeds the bytes left in the pull. A message that exceeds all its bytes needs a larger pull. The
// server reports a pull as complete when no bytes are left, and sometimes also after it has sent
// everything requested: in that case the next pull may already be under way, with nothing received
// for it yet.
bool JetStreamReader::take_end_of_pull() {
  if (consumer_->arrived.empty()) return false;
  natsMsg& message = *consumer_->arrived.front();
  const std::string_view status = header(message, "Status");
  const std::string_view why = status == "409" ? header(message, "Description") : "";
  const bool is_full = why == pull_is_full, is_complete = why == pull_is_complete;
  if (!is_full && !is_complete && status != "408") return false;
  if (is_full && !consumer_->pull_delivered) pull_bytes_ *= 2;
  if (!is_complete || consumer_->pull_delivered) consumer_->wanted = 0;
  consumer_->arrived.pop_front();
  return true;
}

// ADR-37: 100 is a heartbeat; everything else ends the consumer.
void JetStreamReader::take_status(natsMsg& message) {
  const std::string_view status = header(message, "Status");
  if (status == "100") return compare_with_end();
  retire(std::string(status) + " " + std::string(header(message, "Description")));
}

// The server skips messages that it cannot read, as if they did not exist. Before a readable
// message this shows as a gap; at the end of the stream, or where a copy has fallen behind, only
// when the leader is asked.
void JetStreamReader::compare_with_end() {
  const Position last = stream_.last();
  if (next_ > last) {
    passed_.reset();
    return;
  }
  if (stream_.replicas() == 1 && !stream_.get(next_)) miss("its server cannot read it");
  if (!passed_) passed_ = Clock::now();
  if (Clock::now() < *passed_ + longest_behind) return;
  passed_.reset();
  if (!server_.empty()) miss("the copy on " + server_ + " does not have it");
  from_leader_ = ++consumers_passed_ > 1;
  retire("the log goes on to " + std::to_string(last.value));
}

// The consumer goes on at a later position than the next.
void JetStreamReader::lack(Position found) {
  const std::string how = "it goes on at " + std::to_string(found.value);
  // A new consumer delivers the next position first, if it is there.
  if (consumer_->delivered) return retire("a gap");
  if (!server_.empty() || stream_.replicas() == 1) miss(how);
  from_leader_ = true;
  give_up_consumer();
}

// By requests, one after the other: for what a consumer does not bring. Nothing when all that is
// there has been read.
std::vector<StoredCommit> JetStreamReader::take_from_leader(std::size_t max) {
  give_up_consumer();
  stream_.require_intact();
  std::vector<StoredCommit> commits;
  while (commits.size() < std::min(max, largest_pull)) {
    auto commit = stream_.get(next_);
    if (!commit) break;
    advance_to(next_);
    commits.push_back(std::move(*commit));
  }
  if (commits.empty()) {
    from_leader_ = false;
    if (next_ <= stream_.last()) miss("the server that leads it cannot read it");
  } else {
    stream_.saw(commits.back().position, commits.back().id);
  }
  return commits;
}

// The next commit is not there, though the log goes on.
void JetStreamReader::miss(const std::string& how) {
  const std::string what = "commit " + std::to_string(next_.value) + " is missing: " + how;
  if (server_.empty()) stream_.believe_missing(missing_, what);
  throw Corrupt(stream_.called() + ": " + what);
}

void JetStreamReader::advance_to(Position last) {
  next_ = last.next();
  passed_.reset();
  missing_.reset();
  consumers_passed_ = 0;
}

// Ends this consumer. If it failed right after its creation, the server is at fault, and
// Unavailable keeps the caller out of a tight loop.
void JetStreamReader::retire(const std::string& why) {
  const bool at_once = !consumer_->delivered && Clock::now() < consumer_->opened + heartbeat;
  log::warn("reading {} from {}: a new consumer, after: {}", stream_.called(), next_.value, why);
  give_up_consumer();
  if (at_once) throw Unavailable("reading " + stream_.called() + ": " + why);
}

void JetStreamReader::give_up_consumer() noexcept {
  if (!consumer_) return;
  try {
    // Without this, the server keeps the consumer until its inactivity threshold.
    stream_.connection.publish("$JS.API.CONSUMER.DELETE." + stream_.name() + "." + consumer_->name,
                               {});
  } catch (const std::exception&) {
  }
  consumer_.reset();
}

}  // namespace jangbu
