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
constexpr auto read_timeout = 100ms;
constexpr std::size_t most_commits_read = 256;
// A batch is appended when it reaches this, or PublicStream::most_in_batch messages. A stream that
// is nearly full has room for another one.
constexpr std::size_t batch_bytes(std::uint64_t max_bytes) {
  return static_cast<std::size_t>(std::min<std::uint64_t>(2 * 1024 * 1024, max_bytes / 20));
}

constexpr auto standby_pause = 200ms;
constexpr auto stopped_pause = 2s;
constexpr auto log_end_age = 1s;
// How often to look whether messages are to be removed.
constexpr auto tidy_pause = 10s;
// When the stream is fuller than this, a tenth of its messages goes.
constexpr std::uint64_t nearly_full(std::uint64_t max_bytes) {
  return max_bytes / 10 * 9;
}

std::string quoted(EventId id) {
  return "event " + to_string(id);
}

// The event after which nothing is missing.
EventId after(EventId id) {
  return {id.position, id.index + 1};
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

LastPublished last_published(const StoredMessage& message) {
  const auto event = parse_json_if_valid(message.data);
  const auto id =
      parse_event_id(event.is_object() ? event.value("id", std::string()) : std::string());
  const auto commit = parse_id<CommitId>(message.header(PublicStream::commit_id_header));
  if (!id || !commit)
    throw Corrupt("its last message, " + std::to_string(message.sequence) + " on " +
                  message.subject +
                  ", is not from a publisher: somebody else has written to the stream. Let nobody "
                  "else publish there, and have that message removed with `nats stream rmm`");
  return {*id, *commit};
}

std::optional<std::string> contradiction(const LastPublished& last,
                                         const std::optional<StoredCommit>& there) {
  const std::string published = quoted(last.id) + " was published";
  if (!there) return published + ", and the log ends before it: the log's end was lost";
  if (there->id != last.commit)
    return published +
           " from another commit than the log has there: it is not the log that was "
           "published";
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
      set(State::waiting, away.what());
      pause(trouble_.failed(away.what()), stop);
    } catch (const std::exception& error) {
      const std::string reason = "stream " + options_.stream.stream + ": " + error.what();
      if (status().reason != reason) log::error("publisher stopped; {}", reason);
      set(State::stopped, reason);
      pause(stopped_pause, stop);
    }
  }
}

void Publisher::publish(const std::stop_token& stop) {
  Place place = find_place();
  // Another publisher may be at work.
  if (overtaken_ || (!ours_ && place.sequence > 0 && log_goes_on(place))) {
    if (!stand_by(stop)) return;
    place = find_place();
  }
  tidy_up();
  follow(place, stop);
}

// True once the stream has stood still although there is more to publish.
bool Publisher::stand_by(const std::stop_token& stop) {
  set(State::standby);
  Place place = find_place();
  auto since = Clock::now();
  while (!stop.stop_requested()) {
    pause(standby_pause, stop);
    const Place now = find_place();
    if (now.sequence != std::exchange(place, now).sequence || !log_goes_on(now))
      since = Clock::now();
    if (Clock::now() - since >= options_.stand_by) return true;
  }
  return false;
}

void Publisher::follow(Place place, const std::stop_token& stop) {
  const Position first = place.next.position;
  const auto reader = log_.read_from(first);
  bool goes = false;
  const auto does_go = [&] {
    if (std::exchange(goes, true)) return;
    trouble_.over();
    set(State::active);
    log::info("publishing to stream {} from {} on", options_.stream.stream, quoted(place.next));
  };
  if (!log_goes_on(place)) does_go();
  Batch batch(batch_bytes(options_.stream.max_bytes));
  while (!stop.stop_requested()) {
    Position position;
    for (const StoredCommit& stored : reader->next(most_commits_read, read_timeout)) {
      Commit commit;
      try {
        commit = decode(stored);
      } catch (const Undecodable&) {
        if (!append(batch, place)) return;
        throw;
      }
      for (std::uint32_t index = 0; index < commit.events.size(); ++index) {
        const EventId id{stored.position, index};
        if (id < place.next) continue;
        auto event = to_public(options_.view, id, commit.events[index]);
        if (!event) continue;
        batch.add({std::move(event->subject), std::move(event->cloud_event), stored.id}, id);
        if (batch.is_full() && !append(batch, place)) return;
      }
      position = stored.position;
    }
    if (!append(batch, place)) return;
    if (position != Position{}) {
      const std::scoped_lock lock(mutex_);
      status_.position = position;
      status_.log_end = std::max(status_.log_end, position);
    }
    if (position != Position{} || !log_goes_on(place)) does_go();
    if (Clock::now() - tidied_at_ > tidy_pause) tidy_up();
  }
}

bool Publisher::append(Batch& batch, Place& place) {
  if (batch.messages().empty()) return true;
  const auto began = Clock::now();
  const auto result = stream().append(place.sequence, batch.messages(), ack_patience);
  if (const auto* none = std::get_if<NoAnswer>(&result)) {
    in_doubt_ = true;
    throw Unavailable("stream " + options_.stream.stream + ": " + none->why);
  }
  if (std::holds_alternative<WrongSequence>(result)) {
    // After a doubtful append it may have been that one.
    overtaken_ = !std::exchange(in_doubt_, false);
    ours_ = !overtaken_;
    return false;
  }
  measures_.append_duration.observe(Clock::now() - began);
  ours_ = true;
  overtaken_ = in_doubt_ = false;
  place = {std::get<Appended>(result).position.value, after(batch.last())};
  {
    const std::scoped_lock lock(mutex_);
    status_.sequence = place.sequence;
    status_.bytes += batch.bytes();
  }
  measures_.events.add(batch.messages().size());
  batch.clear();
  if (status().bytes > nearly_full(options_.stream.max_bytes)) tidy_up();
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
  const auto place = [&](EventId next) {
    const std::scoped_lock lock(mutex_);
    status_.position = std::max(status_.position, Position{next.position.value - 1});
    return Place{state.last, next};
  };
  if (state.last == 0) return place(options_.from);
  if (state.messages == 0) {
    const auto from = parse_event_id(state.resume_from.substr(0, state.resume_from.find(' ')));
    if (from && state.resume_from == resume_note(*from, state.last)) return place(*from);
    throw Corrupt(
        "it is empty, but had " + std::to_string(state.last) +
        " messages: somebody purged it, and with its last message went the place where "
        "to go on. Say it with `jangbu public resume --from ID`, ID being the first event "
        "that the other teams have not had");
  }
  const auto message = stream().message(state.last);
  if (!message) throw Unavailable("stream " + options_.stream.stream + " has just changed");
  const LastPublished last = last_published(*message);
  const auto commit = log_.read(last.id.position);
  if (const auto wrong = contradiction(last, commit))
    throw Corrupt(*wrong +
                  ". Restore the log from a backup; if what is missing there is lost for good, the "
                  "other teams must be told, and the stream removed with `nats stream rm`: then it "
                  "begins anew");
  const EventId next = after(last.id);
  const bool is_whole = next.index >= list_events(*commit).size();
  return place(is_whole ? EventId{next.position.next(), 0} : next);
}

// Whether the log has commits that may have to be published.
bool Publisher::log_goes_on(const Place& place) {
  if (Clock::now() - log_end_seen_ > log_end_age) {
    const Position end = log_.last();
    log_end_seen_ = Clock::now();
    const std::scoped_lock lock(mutex_);
    status_.log_end = std::max(status_.log_end, end);
  }
  const Status now = status();
  return now.log_end > now.position && now.log_end >= place.next.position;
}

// --- Removing ------------------------------------------------------------------------------------

void Publisher::tidy_up() {
  tidied_at_ = Clock::now();
  const auto state = stream().find();
  if (!state) throw Unavailable("stream " + options_.stream.stream + " was removed");
  {
    const std::scoped_lock lock(mutex_);
    status_.bytes = state->bytes;
  }
  if (state->messages < 2) return;
  if (const std::uint64_t keep = first_to_keep(*state); keep > state->first) purge_before(keep);
}

std::uint64_t Publisher::first_to_keep(const PublicStream::State& state) {
  const Timestamp limit{system_now().ms - std::chrono::milliseconds(options_.keep).count()};
  const auto is_old = [&](std::uint64_t sequence) {
    const auto message = stream().message(sequence);
    return !message || time_of(*message) < limit;
  };
  std::uint64_t keep = state.first;
  if (is_old(keep)) {
    std::uint64_t old = keep;
    for (keep = state.last; keep - old > 1;) {
      const std::uint64_t middle = old + (keep - old) / 2;
      (is_old(middle) ? old : keep) = middle;
    }
  }
  if (state.bytes > nearly_full(options_.stream.max_bytes))
    keep = std::max(keep, state.first + state.messages / 10 + 1);
  return std::min(keep, state.last);
}

// Only this thread appends, so what a consumer has fewer of afterwards was removed or, by one that
// reads this far back just now, read.
void Publisher::purge_before(std::uint64_t sequence) {
  std::map<std::string, std::uint64_t> pending;
  for (const auto& reader : stream().readers()) pending[reader.name] = reader.pending;
  stream().purge_before(sequence);
  for (const auto& reader : stream().readers()) {
    const auto before = pending.find(reader.name);
    if (before == pending.end() || before->second <= reader.pending) continue;
    const std::uint64_t missed = before->second - reader.pending;
    log::warn(
        "consumer {} of stream {} has not read {} messages that were removed since they are "
        "old or the stream is full",
        reader.name, options_.stream.stream, missed);
    const std::scoped_lock lock(mutex_);
    unread_[reader.name] += missed;
  }
}

}  // namespace jangbu
