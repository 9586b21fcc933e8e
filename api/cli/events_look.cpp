// The tools that read the log: list, tail, show, stats.
#include <algorithm>
#include <chrono>
#include <deque>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/answers/represent.hpp"
#include "api/cli/commit_source.hpp"
#include "api/cli/events_tools.hpp"
#include "api/cli/export_format.hpp"
#include "api/cli/log_stats.hpp"
#include "api/cli/progress.hpp"
#include "api/cli/tool.hpp"
#include "events/errors.hpp"
#include "infra/text.hpp"
#include "projections/writing/rebuild.hpp"

namespace jangbu::cli {

namespace {

// The range of the log that the flags ask for.
struct Stretch {
  Position from;
  Position last;

  std::uint64_t commits() const { return last < from ? 0 : last.value - from.value + 1; }
};

Stretch stretch_of(EventLog& log, const EventsFlags& flags) {
  const EventFilter filter = filter_of(flags);
  Stretch stretch{filter.from.position, std::min(filter.to.position, log.last())};
  if (!flags.since.empty()) {
    const Timestamp before{parse_timestamp(flags.since)->ms - 1};
    stretch.from = std::max(stretch.from, position_at(log, before).next());
  }
  if (!flags.until.empty())
    stretch.last = std::min(stretch.last, position_at(log, *parse_timestamp(flags.until)));
  return stretch;
}

std::string table_line(EventId id, const std::string& time, std::string_view type,
                       const std::string& about) {
  const auto padded = [](std::string text, std::size_t width) {
    text.resize(std::max(text.size(), width), ' ');
    return text;
  };
  return padded(to_string(id), 12) + " " + padded(time, 24) + " " + padded(std::string(type), 22) +
         about + "\n";
}

std::string event_line(const StoredCommit& stored, const Commit& commit, std::uint32_t index,
                       const EventsFlags& flags) {
  const EventId id{stored.position, index};
  const RecordedEvent& recorded = commit.events[index];
  if (flags.json)
    return to_cloud_event(cloud_event_source(flags.shop), id, recorded, stored.origin.author)
               .text() +
           "\n";
  return table_line(id, to_string(commit.committed_at), wire_type(recorded.event).name,
                    cloud_event_subject(entity_of(recorded.event)));
}

// Of a commit without events.
std::string commit_line(const StoredCommit& stored, const Commit& commit,
                        const EventsFlags& flags) {
  if (flags.json) return commit_event(cloud_event_source(flags.shop), stored, commit).text() + "\n";
  const auto& [author, decided_at, successor] = stored.origin;
  std::string about = author ? author->name + " " + to_string(author->id) : "by nobody";
  if (successor) about += " to " + to_string(*successor);
  return table_line({stored.position, 0}, stored.is_void() ? "" : to_string(commit.committed_at),
                    type_without_events(stored), about);
}

// Passes on each matching event of a commit as a line, or the commit if it has none.
template <class Take>
void each_match(const StoredCommit& stored, const EventFilter& filter, const EventsFlags& flags,
                Take take) {
  const Commit commit = decode(stored);
  if (commit.events.empty() && filter.matches({stored.position, 0}, type_without_events(stored)))
    take(commit_line(stored, commit, flags));
  for (std::uint32_t index = 0; index < commit.events.size(); ++index)
    if (filter.matches({stored.position, index}, commit.events[index]))
      take(event_line(stored, commit, index, flags));
}

}  // namespace

int run_list(const EventsFlags& flags) {
  const StopSignals stop;
  const auto log = open_existing_log(flags.log);
  const EventFilter filter = filter_of(flags);
  const Stretch stretch = stretch_of(*log, flags);
  LogRange range(*log, stretch.from, stretch.last, stop);
  std::uint64_t left = flags.limit > 0 ? flags.limit : std::numeric_limits<std::uint64_t>::max();
  for (auto commits = range.next(); !commits.empty() && left > 0; commits = range.next())
    for (const StoredCommit& stored : commits)
      each_match(stored, filter, flags, [&](const std::string& line) {
        if (left == 0) return;
        print(line);
        --left;
      });
  return 0;
}

namespace {

// The last `count` matching lines, searched for backwards in growing steps.
std::deque<std::string> last_lines(EventLog& log, Position last, const EventFilter& filter,
                                   const EventsFlags& flags, const StopSignals& stop) {
  std::deque<std::string> lines;
  if (flags.last == 0) return lines;
  Position begin = last.next();
  for (std::uint64_t step = flags.last; lines.size() < flags.last && begin > Position{1};
       step *= 8) {
    const Position end{begin.value - 1};
    begin.value -= std::min(begin.value - 1, step);
    std::deque<std::string> earlier;
    LogRange range(log, begin, end, stop);
    for (auto commits = range.next(); !commits.empty(); commits = range.next())
      for (const StoredCommit& stored : commits)
        each_match(stored, filter, flags, [&](std::string line) {
          earlier.push_back(std::move(line));
          if (earlier.size() > flags.last) earlier.pop_front();
        });
    lines.insert(lines.begin(), earlier.begin(), earlier.end());
  }
  while (lines.size() > flags.last) lines.pop_front();
  return lines;
}

}  // namespace

// Ends only on a signal, which is then not an error.
int run_tail(const EventsFlags& flags) {
  try {
    const StopSignals stop;
    const auto log = open_existing_log(flags.log);
    const EventFilter filter = filter_of(flags);
    Position next = filter.from.position;
    if (flags.from.empty()) {
      const Position last = log->last();
      for (const std::string& line : last_lines(*log, last, filter, flags, stop)) print(line);
      next = last.next();
    }
    PatientReader reader(log->read_from(next), stop, std::chrono::hours(24 * 365 * 100));
    for (;;) {
      flush_output();
      for (const StoredCommit& stored : reader.next())
        each_match(stored, filter, flags, [](const std::string& line) { print(line); });
    }
  } catch (const Interrupted& interrupted) {
    if (interrupted.is_stop()) return 0;
    throw;
  }
}

namespace {

// --- One commit ----------------------------------------------------------------------------------

// A commit, as far as it can be read. Of a void one, what would have happened.
struct Shown {
  StoredCommit stored;
  std::vector<StoredEvent> heads;  // empty when the commit's format is unknown
  std::optional<Commit> commit;
  std::string wrong;  // why it cannot be decoded
};

Shown look_at(StoredCommit stored) {
  Shown shown{std::move(stored), {}, {}, {}};
  try {
    StoredCommit as_if_valid = shown.stored;
    as_if_valid.origin = {};
    shown.heads = list_events(as_if_valid);
    shown.commit = decode(as_if_valid);
  } catch (const Undecodable& undecodable) {
    shown.wrong = undecodable.what();
  }
  return shown;
}

Json json_of(const Shown& shown, std::optional<std::uint32_t> only, std::string_view source) {
  Json json{{"position", shown.stored.position.value},
            {"commitId", to_string(shown.stored.id)},
            {"format", shown.stored.format},
            {"bytes", shown.stored.payload.size()}};
  if (shown.commit) json.add("committedAt", to_string(shown.commit->committed_at));
  const Origin& origin = shown.stored.origin;
  if (origin.author)
    json.add("author", Json{{"id", to_string(origin.author->id)}, {"name", origin.author->name}});
  if (origin.decided_at) json.add("decidedAt", origin.decided_at->value);
  if (origin.successor) json.add("successor", to_string(*origin.successor));
  if (shown.stored.is_void()) json.add("void", true);
  if (!shown.wrong.empty()) json.add("problem", shown.wrong);
  Json events = Json::array();
  for (std::uint32_t index = 0; index < shown.heads.size(); ++index) {
    if (only && *only != index) continue;
    const StoredEvent& head = shown.heads[index];
    Json event{
        {"storedType", head.type}, {"storedVersion", head.version}, {"bytes", head.bytes.size()}};
    if (!head.envelope.causation.empty()) event.add("causation", head.envelope.causation);
    if (const auto& key = head.envelope.command_key) {
      event.add("idempotencyKeyHash", to_string(key->key));
      event.add("requestHash", to_string(key->request));
    }
    if (shown.commit)
      event.add("event", to_cloud_event(source, {shown.stored.position, index},
                                        shown.commit->events[index], origin.author));
    events.push_back(event);
  }
  json.add("events", events);
  return json;
}

std::string text_of(const Shown& shown, std::optional<std::uint32_t> only) {
  const auto field = [](const std::string& name, const std::string& value) {
    return value.empty() ? ""
                         : "  " + name + std::string(14 - name.size(), ' ') + visible(value) + "\n";
  };
  std::string text = "commit " + std::to_string(shown.stored.position.value) + "\n";
  text += field("id", to_string(shown.stored.id));
  if (shown.commit) text += field("committed at", to_string(shown.commit->committed_at));
  const Origin& origin = shown.stored.origin;
  if (origin.author)
    text += field("author", origin.author->name + ", " + to_string(origin.author->id));
  if (origin.decided_at) text += field("decided at", std::to_string(origin.decided_at->value));
  if (origin.successor) text += field("successor", to_string(*origin.successor));
  if (shown.stored.is_void()) text += field("void", "yes: nothing of this happened");
  text += field("format", std::to_string(shown.stored.format));
  text += field("size", grouped(shown.stored.payload.size()) + " bytes, " +
                            grouped(shown.heads.size()) + " events");
  for (std::uint32_t index = 0; index < shown.heads.size(); ++index) {
    if (only && *only != index) continue;
    const StoredEvent& head = shown.heads[index];
    const Envelope& envelope = head.envelope;
    const EventId id{shown.stored.position, index};
    text += "\nevent " + to_string(id) + "\n";
    text += field("type", head.type + " version " + std::to_string(head.version));
    text += field("about", std::string(to_string(head.kind)) + "/" + to_string(head.entity));
    text += field("occurred at", to_string(envelope.occurred_at));
    text += field("size", grouped(head.bytes.size()) + " bytes");
    if (const auto& key = envelope.command_key)
      text += field("command key", to_string(key->key) + " of request " + to_string(key->request));
    text += field("correlation", envelope.correlation);
    text += field("causation", envelope.causation);
    text += field("actor", envelope.actor);
    if (shown.commit) text += field("data", event_data(shown.commit->events[index].event).text());
  }
  return text;
}

}  // namespace

int run_show(const EventsFlags& flags) {
  const auto log = open_existing_log(flags.log);
  const EventId place = *parse_place(flags.place);
  auto stored = log->read(place.position);
  if (!stored)
    throw Failure("there is no commit " + std::to_string(place.position.value) +
                  ": the log ends at " + std::to_string(log->last().value));
  std::optional<std::uint32_t> only;
  if (flags.place.find('.') != std::string::npos) only = place.index;
  const Shown shown = look_at(std::move(*stored));
  if (only && shown.commit && *only >= shown.heads.size())
    throw Failure("there is no event " + flags.place + ": its commit has " +
                  std::to_string(shown.heads.size()));
  print(flags.json ? json_of(shown, only, cloud_event_source(flags.shop)).text() + "\n"
                   : text_of(shown, only));
  if (!shown.wrong.empty()) throw Failure(shown.wrong);
  return 0;
}

int run_stats(const EventsFlags& flags) {
  const StopSignals stop;
  const auto log = open_existing_log(flags.log);
  const Stretch stretch = stretch_of(*log, flags);
  LogRange range(*log, stretch.from, stretch.last, stop);
  LogStats found;
  {
    Progress progress("reading", "commits", stretch.commits());
    std::uint64_t read = 0;
    for (auto commits = range.next(); !commits.empty(); commits = range.next()) {
      for (const StoredCommit& stored : commits) found.take(stored, decode(stored));
      progress.show(read += commits.size());
    }
  }
  print(flags.json ? found.json().text() + "\n" : found.text());
  return 0;
}

}  // namespace jangbu::cli
