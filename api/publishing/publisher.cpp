#include "api/publishing/publisher.hpp"

#include <pthread.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "events/errors.hpp"
#include "infra/ids.hpp"
#include "infra/json_tree.hpp"
#include "infra/log.hpp"

namespace jangbu {

namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr auto ack_patience = 5s;
// How long to wait for the log before checking for a stop request.
constexpr milliseconds read_timeout = 100ms;
// Appends follow each other this slowly unless batches are full. Each costs the server an fsync,
// which it then has not for the log, and a folder with files, in which it collects the batch; ext4
// makes those the more slowly the more were removed in the last minutes (nats-server 2.15.1, perf).
// An event after a while without any is published at once.
constexpr auto gather = 100ms;
constexpr std::size_t most_commits_read = 256;
// A batch is appended when it reaches this, or PublicStream::most_in_batch messages. A stream that
// is nearly full has room for another one.
constexpr std::size_t batch_bytes(std::uint64_t max_bytes) {
  return static_cast<std::size_t>(std::min<std::uint64_t>(2 * 1024 * 1024, max_bytes / 20));
}

constexpr auto standby_pause = 200ms;
constexpr auto log_end_age = 1s;
// How often to look whether messages are to be removed.
constexpr auto tidy_pause = 10s;
// When the stream is fuller than this, a tenth of its messages goes.
constexpr std::uint64_t nearly_full(std::uint64_t max_bytes) {
  return max_bytes / 10 * 9;
}

std::string called(EventId id) {
  return "event " + to_string(id);
}

// The next event of the same commit, if there is one.
EventId after(EventId id) {
  return {id.position, id.index + 1};
}

// What resume() has left in the stream, if it is about its last message.
std::optional<EventId> resume_point(const PublicStream::State& state) {
  const auto from = parse_event_id(state.resume_from.substr(0, state.resume_from.find(' ')));
  return from && state.resume_from == resume_note(*from, state.last) ? from : std::nullopt;
}

Timestamp time_of(const StoredMessage& message) {
  return parse_timestamp(message.time).value_or(Timestamp{});
}

}  // namespace

std::string_view to_string(Publisher::State state) {
  switch (state) {
    case Publisher::State::starting:
      return "starting";
    case Publisher::State::active:
      return "active";
    case Publisher::State::standby:
      return "standby";
    case Publisher::State::waiting:
      return "waiting";
    case Publisher::State::stopped:
      return "stopped";
  }
  return "";
}

bool is_up(Publisher::State state) {
  return state == Publisher::State::active || state == Publisher::State::standby;
}

std::string public_stream_name(const std::string& log_stream) {
  return log_stream + "_PUBLIC";
}

LastPublished read_last(PublicStream& stream, const PublicStream::State& state) {
  constexpr const char* resume =
      "tell the publisher where to go on, with `jangbu public resume --from ID`, ID being the "
      "first "
      "event that the other teams have not had";
  const std::string last = "its last message, " + std::to_string(state.last);
  const auto message = stream.message(state.last);
  if (!message) {
    if (const auto now = stream.find(); now && now->last != state.last)
      throw Unavailable("the public stream has just changed");
    throw Corrupt(last + ", which marked where to go on, is gone: somebody purged the stream; " +
                  resume);
  }
  const auto event = parse_json_if_valid(message->data);
  const auto text = event.is_object() ? event.find("id") : event.end();
  const auto id = text != event.end() && text->is_string()
                      ? parse_event_id(text->get<std::string>())
                      : std::nullopt;
  const auto commit = parse_id<CommitId>(message->header(PublicStream::commit_id_header));
  if (!id || !commit)
    throw Corrupt(last + " on " + message->subject +
                  ", is not from a publisher: let nobody else publish there, and " + resume);
  return {*id, *commit};
}

std::optional<std::string> contradiction(const LastPublished& last, EventLog& log) {
  const auto commit = log.read(last.id.position);
  const std::string published = called(last.id) + " was published";
  if (!commit) return published + ", and the log ends before it: the log's end was lost";
  if (commit->id != last.commit)
    return published +
           " from another commit than the log has there: it is not the log that was published";
  return std::nullopt;
}

std::string resume_note(EventId from, std::uint64_t last) {
  return to_string(from) + " after " + std::to_string(last);
}

// --- A batch -------------------------------------------------------------------------------------

class Publisher::Batch {
 public:
  explicit Batch(std::size_t most_bytes) : most_bytes_(most_bytes) {}

  void add(PublicStream::Message message, EventId id) {
    bytes_ += message.size();
    messages_.push_back(std::move(message));
    last_ = id;
  }
  void clear() {
    messages_.clear();
    bytes_ = 0;
  }
  bool is_full() const {
    return messages_.size() == PublicStream::most_in_batch || bytes_ >= most_bytes_;
  }
  const std::vector<PublicStream::Message>& messages() const { return messages_; }
  std::size_t bytes() const { return bytes_; }
  EventId last() const { return last_; }

 private:
  const std::size_t most_bytes_;
  std::vector<PublicStream::Message> messages_;
  std::size_t bytes_ = 0;
  EventId last_;
};

// --- The thread ----------------------------------------------------------------------------------

Publisher::Publisher(EventLog& log, Options options)
    : log_(log), options_(std::move(options)), thread_([this](const std::stop_token& stop) {
        ::pthread_setname_np(::pthread_self(), "publisher");
        run(stop);
      }) {}

Publisher::~Publisher() = default;

Publisher::Status Publisher::status() const {
  const std::scoped_lock lock(mutex_);
  return status_;
}

std::map<std::string, std::uint64_t> Publisher::unread() const {
  const std::scoped_lock lock(mutex_);
  return unread_;
}

void Publisher::set(State state, std::string reason) {
  const std::scoped_lock lock(mutex_);
  status_.state = state;
  status_.reason = std::move(reason);
}

void Publisher::pause(milliseconds longest, const std::stop_token& stop) {
  std::unique_lock lock(pausing_);
  stopped_.wait_for(lock, stop, longest, [] { return false; });
}

void Publisher::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    try {
      publish(stop);
    } catch (const Unavailable& away) {
      if (stop.stop_requested()) return;
      set(State::waiting, "the log or the public stream is away, or takes no events");
      try_look_at_log_end();
      pause(trouble_.failed(away.what()), stop);
    } catch (const std::exception& error) {
      const std::string reason = "stream " + options_.stream.stream + ": " + error.what();
      if (std::exchange(told_, reason) != reason) log::error("publisher stopped; {}", reason);
      set(State::stopped, reason);
      pause(options_.look_again, stop);
    }
  }
}

void Publisher::publish(const std::stop_token& stop) {
  Place place = find_place();
  const bool is_ours = std::exchange(in_doubt_, false) || place.sequence == ours_from_;
  // Another publisher has appended, or one that this process has not heard of yet may be about to.
  const bool may_be_anothers = ours_from_ ? !is_ours : place.sequence > 0 && log_goes_on(place);
  if (may_be_anothers && !stand_by(place, stop)) return;
  ours_from_ = place.sequence;
  follow(place, stop);
}

// True once the stream has stood still although there is more to publish.
bool Publisher::stand_by(Place& place, const std::stop_token& stop) {
  set(State::standby);
  for (auto since = Clock::now(); !stop.stop_requested();) {
    pause(standby_pause, stop);
    const auto state = stream().find();
    const bool moved = !state || state->last != place.sequence;
    if (moved) place = find_place();
    look_at_log_end();
    if (moved || !log_goes_on(place)) since = Clock::now();
    if (Clock::now() - since >= options_.stand_by) return true;
  }
  return false;
}

void Publisher::follow(Place place, const std::stop_token& stop) {
  const EventId first = place.next;
  const auto reader = log_.read_from(first.position);
  auto does_go = [&, goes = false]() mutable {
    if (std::exchange(goes, true)) return;
    trouble_.over();
    told_.clear();
    set(State::active);
    log::info("publishing to stream {} from {} on", options_.stream.stream, called(first));
  };
  if (!log_goes_on(place)) does_go();
  Batch batch(batch_bytes(options_.stream.max_bytes));
  Position position;  // that is in the stream once the batch is
  while (!stop.stop_requested()) {
    if (Clock::now() - tidied_at_ > tidy_pause) tidy_up(stop);
    for (const StoredCommit& stored : reader->next(most_commits_read, time_to_read(batch))) {
      Commit commit;
      try {
        commit = decode(stored);
      } catch (const Undecodable&) {
        if (!append(batch, place, stop)) return;  // what precedes it
        throw;
      }
      for (std::uint32_t index = 0; index < commit.events.size(); ++index) {
        const EventId id{stored.position, index};
        if (id < place.next) continue;
        auto event = to_public(options_.view, id, commit.events[index]);
        if (!event) continue;
        batch.add({std::move(event->subject), std::move(event->cloud_event), stored.id}, id);
        if (batch.is_full() && !append(batch, place, stop)) return;
      }
      position = stored.position;
    }
    look_at_log_end();
    if (Clock::now() >= appended_at_ + gather) {
      if (!append(batch, place, stop)) return;
      const std::scoped_lock lock(mutex_);
      status_.position = std::max(status_.position, position);
      status_.log_end = std::max(status_.log_end, position);
    }
    if (batch.messages().empty() && (position != Position{} || !log_goes_on(place))) does_go();
  }
  append(batch, place, stop);  // what has been gathered; whoever is next need not wait for us
}

// Until what has been gathered is to be appended.
milliseconds Publisher::time_to_read(const Batch& batch) const {
  if (batch.messages().empty()) return read_timeout;
  const auto left = std::chrono::ceil<milliseconds>(appended_at_ + gather - Clock::now());
  return std::clamp(left, milliseconds(0), read_timeout);
}

bool Publisher::append(Batch& batch, Place& place, const std::stop_token& stop) {
  if (batch.messages().empty()) return true;
  {
    const std::scoped_lock lock(mutex_);
    status_.log_end = std::max(status_.log_end, batch.last().position);
  }
  const auto began = Clock::now();
  const auto result = stream().append(place.sequence, batch.messages(), ack_patience);
  if (const auto* none = std::get_if<NoAnswer>(&result)) {
    in_doubt_ = true;
    throw Unavailable("stream " + options_.stream.stream + ": " + none->why);
  }
  if (std::holds_alternative<WrongSequence>(result)) return false;
  appended_at_ = Clock::now();
  measures_.append_duration.observe(appended_at_ - began);
  measures_.events.add(batch.messages().size());
  in_doubt_ = false;
  place = {std::get<Appended>(result).position.value, after(batch.last())};
  ours_from_ = place.sequence;
  {
    const std::scoped_lock lock(mutex_);
    status_.sequence = place.sequence;
    status_.bytes += batch.bytes();
  }
  batch.clear();
  if (status().bytes > nearly_full(options_.stream.max_bytes)) tidy_up(stop);
  return true;
}

// --- The place -----------------------------------------------------------------------------------

PublicStream& Publisher::stream() {
  if (!stream_) stream_ = std::make_unique<PublicStream>(options_.stream, 0ms);
  return *stream_;
}

Publisher::Place Publisher::find_place() {
  const PublicStream::State state = stream().open();
  {
    const std::scoped_lock lock(mutex_);
    status_.sequence = state.last;
    status_.bytes = state.bytes;
  }
  look_at_log_end();
  const auto place = [&](EventId next) {
    const std::scoped_lock lock(mutex_);
    status_.position = std::max(status_.position, Position{next.position.value - 1});
    return Place{state.last, next};
  };
  if (state.last == 0) {
    if (options_.from.position > log_.last().next())
      log::warn("stream {} begins with {}, which is beyond the end of the log",
                options_.stream.stream, called(options_.from));
    return place(options_.from);
  }
  if (const auto from = resume_point(state)) return place(*from);
  const LastPublished last = read_last(stream(), state);
  if (const auto wrong = contradiction(last, log_))
    throw Corrupt(*wrong +
                  ". Restore the log from a backup; if what is missing there is lost for good, the "
                  "other teams must be told, and the stream removed with `nats stream rm`: then it "
                  "begins anew");
  const EventId next = after(last.id);
  const bool is_whole = next.index >= list_events(log_.read(last.id.position).value()).size();
  return place(is_whole ? EventId{next.position.next(), 0} : next);
}

void Publisher::look_at_log_end() {
  if (Clock::now() - log_end_seen_ < log_end_age) return;
  const Position end = log_.last();
  log_end_seen_ = Clock::now();
  const std::scoped_lock lock(mutex_);
  status_.log_end = std::max(status_.log_end, end);
}

// The lag is worth knowing even while the public stream is away.
void Publisher::try_look_at_log_end() {
  try {
    look_at_log_end();
  } catch (const std::exception&) {
    // The log is away as well.
  }
}

// Whether the log has commits that may have to be published.
bool Publisher::log_goes_on(const Place& place) {
  const Status now = status();
  return now.log_end > now.position && now.log_end >= place.next.position;
}

// --- Removing ------------------------------------------------------------------------------------

// What cannot be removed now does not keep new events waiting.
void Publisher::tidy_up(const std::stop_token& stop) {
  tidied_at_ = Clock::now();
  try {
    tidy_up_now(stop);
    tidying_.over();
  } catch (const Unavailable& away) {
    tidying_.failed(away.what());
  }
}

void Publisher::tidy_up_now(const std::stop_token& stop) {
  const auto state = stream().find();
  if (!state) throw Unavailable("stream " + options_.stream.stream + " was removed");
  {
    const std::scoped_lock lock(mutex_);
    status_.bytes = state->bytes;
  }
  const std::uint64_t keep = state->messages < 2 ? state->first : first_to_keep(*state, stop);
  // The counters begin with 0, so that an increase can be seen.
  for (const auto& reader : stream().readers()) {
    const std::scoped_lock lock(mutex_);
    unread_.try_emplace(reader.name, 0);
  }
  if (keep > state->first && !stop.stop_requested()) purge_before(keep);
}

std::uint64_t Publisher::first_to_keep(const PublicStream::State& state,
                                       const std::stop_token& stop) {
  const Timestamp limit{system_now().ms - std::chrono::milliseconds(options_.keep).count()};
  // The last message is kept however old it is.
  const auto is_old = [&](std::uint64_t sequence) {
    const auto message = stream().message_from(sequence);
    return message && message->sequence < state.last && time_of(*message) < limit;
  };
  std::uint64_t keep = state.first;
  if (is_old(keep)) {
    std::uint64_t old = keep;
    for (keep = state.last; keep - old > 1 && !stop.stop_requested();) {
      const std::uint64_t middle = old + (keep - old) / 2;
      (is_old(middle) ? old : keep) = middle;
    }
    keep = old + 1;
  }
  if (state.bytes > nearly_full(options_.stream.max_bytes))
    keep = std::max(keep, state.first + state.messages / 10 + 1);
  return std::min(keep, state.last);
}

// A consumer has missed at most what lies between what it has acknowledged and what is kept.
void Publisher::purge_before(std::uint64_t sequence) {
  std::map<std::string, PublicStream::Reader> behind;
  for (auto& reader : stream().readers())
    if (reader.acknowledged + 1 < sequence) behind[reader.name] = std::move(reader);
  stream().purge_before(sequence);
  if (behind.empty()) return;
  for (const auto& now : stream().readers()) {
    const auto before = behind.find(now.name);
    if (before == behind.end() || before->second.pending <= now.pending) continue;
    const std::uint64_t missed =
        std::min(before->second.pending - now.pending, sequence - 1 - before->second.acknowledged);
    log::warn(
        "consumer {} of stream {} has not read {} messages that were removed since they are "
        "old or the stream is full",
        now.name, options_.stream.stream, missed);
    const std::scoped_lock lock(mutex_);
    unread_[now.name] += missed;
  }
}

}  // namespace jangbu
