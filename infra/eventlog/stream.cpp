#include "infra/eventlog/stream.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "events/errors.hpp"
#include "infra/eventlog/stored_message.hpp"
#include "infra/log.hpp"

namespace jangbu {

using namespace std::chrono_literals;
using nlohmann::json;

namespace {

// An election takes up to 9 s, and a server that was away catches up after it.
constexpr auto patience_for_missing = 15s;

std::string subject_of(std::string stream) {
  std::ranges::transform(stream, stream.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return stream + ".commits";
}

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// Empty when a header is there and wrong.
std::optional<Origin> parse_origin(const std::function<std::string_view(const char*)>& header) {
  Origin origin;
  if (const std::string_view author = header(author_header); !author.empty()) {
    origin.author = parse_author(author);
    if (!origin.author) return std::nullopt;
  }
  if (const std::string_view at = header(decided_at_header); !at.empty()) {
    const auto position = parse_number<std::uint64_t>(at);
    if (!position) return std::nullopt;
    origin.decided_at = Position{*position};
  }
  if (const std::string_view successor = header(successor_header); !successor.empty()) {
    origin.successor = parse_id<InstanceId>(successor);
    if (!origin.successor) return std::nullopt;
  }
  return origin;
}

}  // namespace

Stream::Stream(JetStreamOptions chosen, std::chrono::milliseconds wait)
    : options(std::move(chosen)),
      subject(subject_of(options.stream)),
      connection(options.url, "appends", wait),
      bulk(options.url, "readers", wait),
      api(connection, options.request_timeout) {}

std::optional<StoredCommit> Stream::get(Position position) {
  const json answer = api.call("STREAM.MSG.GET." + name(), {{"seq", position.value}});
  switch (error_code(answer)) {
    case 0:
      break;
    case api_error::message_not_found:
      return std::nullopt;
    case api_error::stream_not_found:
      lose("it does not exist");
    default:
      throw Unavailable("reading " + called() + ": " + error_text(answer));
  }
  const auto message = std::make_shared<const StoredMessage>(answer.at("message"));
  return stored_commit(
      *this, position, [&](const char* header) { return message->header(header); }, message->data,
      message);
}

Unavailable Stream::not_understood(const std::exception& odd) const {
  return Unavailable(called() + ": an answer of NATS is not understood: " + odd.what());
}

json Stream::info() {
  json answer = api.call("STREAM.INFO." + name(), nullptr);
  if (error_code(answer) == api_error::stream_not_found) lose("it does not exist");
  if (error_code(answer) != 0) throw Unavailable(called() + ": " + error_text(answer));
  replicas_ = answer.at("config").value("num_replicas", 1u);
  return answer;
}

Position Stream::last() {
  const Replicas replicas = replicas_of(info());
  // A server without a leader answers for itself, and so does a leader that was cut off.
  if (replicas.wanted > 1 && !replicas.has_majority())
    throw Unavailable(called() + ": no leader hears of a majority of the servers that keep it");
  const Position last = replicas.end;
  Position seen;
  {
    std::lock_guard lock(mutex_);
    seen = seen_.position;
  }
  // Another thread may have appended and recorded commits since the server answered, so a lower
  // `last` is a loss only if the recorded commit is gone.
  if (last < seen && !get(seen)) miss("it ends at " + std::to_string(last.value));
  found();
  return std::max(last, seen);
}

void Stream::believe_missing(std::optional<NatsConnection::Clock::time_point>& since,
                             const std::string& what) {
  const Replicas replicas = replicas_of(info());
  if (replicas.each.size() <= 1 && replicas.wanted <= 1) return;
  const auto now = NatsConnection::Clock::now();
  const bool has_majority = replicas.has_majority();
  if (!since || !has_majority) since = now;
  if (now - *since >= patience_for_missing) return;
  throw Unavailable(called() + ": " + what +
                    (has_majority ? ", at the server that leads it now"
                                  : ", at a server that does not hear of a majority"));
}

void Stream::miss(const std::string& how) {
  std::lock_guard lock(missing_mutex_);
  believe_missing(seen_missing_, how);
  lose(how);
}

void Stream::found() {
  std::lock_guard lock(missing_mutex_);
  seen_missing_.reset();
}

void Stream::saw(Position position, const CommitId& id) {
  std::lock_guard lock(mutex_);
  if (seen_.position < position) seen_ = {position, id};
}

void Stream::require_intact() {
  Seen seen;
  {
    std::lock_guard lock(mutex_);
    if (!lost_.empty()) throw Corrupt(lost_);
    seen = seen_;
  }
  const std::uint64_t losses = connection.losses() + bulk.losses();
  {
    std::lock_guard lock(mutex_);
    if (losses == checked_) return;
  }
  if (seen.position != Position{}) {
    const auto there = get(seen.position);
    if (!there) miss("it holds nothing there");
    if (there->id != seen.id) miss("another commit is there");
    found();
  }
  std::lock_guard lock(mutex_);
  checked_ = losses;
}

void Stream::lose(const std::string& how) {
  std::lock_guard lock(mutex_);
  if (seen_.position == Position{}) throw Corrupt(called() + ": " + how);
  if (lost_.empty()) {
    lost_ = called() + " lost commits: it held one at " + std::to_string(seen_.position.value) +
            ", and now " + how + ". Stop, restore the stream from a backup, and start again";
    log::critical("{}", lost_);
  }
  throw Corrupt(lost_);
}

StoredCommit stored_commit(const Stream& stream, Position position,
                           const std::function<std::string_view(const char*)>& header,
                           std::string_view payload, std::shared_ptr<const void> owner) {
  const auto id = parse_id<CommitId>(header(commit_id_header));
  const auto format = parse_number<unsigned>(header(commit_format_header));
  const auto origin = parse_origin(header);
  if (!id || !format || !origin)
    throw Corrupt("message " + std::to_string(position.value) + " of " + stream.called() +
                  " is not a commit of Jangbu: its headers " + commit_id_header + " and " +
                  commit_format_header + " are missing, or one of Jangbu's headers is wrong");
  return {position, *id, *format, payload, std::move(owner), *origin};
}

}  // namespace jangbu
