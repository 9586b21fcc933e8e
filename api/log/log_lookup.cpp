#include "api/log/log_lookup.hpp"

#include <utility>

#include "infra/log.hpp"

namespace jangbu {

LogLookup::LogLookup(EventLog& log) : log_(log) {}

void LogLookup::find(EventId id, Callback callback, std::function<bool()> is_wanted) {
  tasks_.add([this, id, callback = std::move(callback), is_wanted = std::move(is_wanted)](
                 bool in_time) { callback(in_time && is_wanted() ? read(id) : std::nullopt); });
}

const Commit& LogLookup::commit_at(Position position) {
  if (read_position_ == position) return read_commit_;
  const auto stored = log_.read(position);
  if (!stored) throw Corrupt("the log has no commit there");
  read_commit_ = decode(*stored);
  read_position_ = position;
  return read_commit_;
}

std::optional<RecordedEvent> LogLookup::read(EventId id) {
  try {
    const Commit& commit = commit_at(id.position);
    if (id.index >= commit.events.size()) throw Corrupt("its commit has fewer events");
    return commit.events[id.index];
  } catch (const Unavailable& away) {
    log::warn("event {} could not be read back: {}", to_string(id), away.what());
  } catch (const Corrupt& corrupt) {
    log::error("event {} could not be read back: {}", to_string(id), corrupt.what());
  }
  return std::nullopt;
}

}  // namespace jangbu
