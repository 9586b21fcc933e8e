#include "api/cli/events_command.hpp"

#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/cli/commit_source.hpp"
#include "api/cli/export_file.hpp"
#include "api/cli/import_log.hpp"
#include "api/cli/log_stats.hpp"
#include "api/cli/progress.hpp"
#include "api/cli/settings.hpp"
#include "api/cli/tool.hpp"
#include "api/cli/verify.hpp"
#include "api/event_filter.hpp"
#include "api/json/represent.hpp"
#include "api/open_log.hpp"
#include "events/errors.hpp"

namespace jangbu::cli {

using namespace std::chrono_literals;

namespace {

// --- Flags ---------------------------------------------------------------------------------------

// What the flags of all subcommands say; each has some of them.
struct Flags {
  JetStreamOptions log;
  bool accept_weak_durability = false;
  std::vector<std::string> types;
  std::string entity;
  std::string from;
  std::string to;
  std::string since;
  std::string until;
  std::uint64_t limit = 0;  // none
  std::size_t last = 10;
  bool json = false;
  bool gzip = false;
  std::string file;
  std::string place;
};

constexpr const char* times_of_day = "2026-03-01T09:30:00Z or 2026-03-01T18:30:00+09:00";

std::string check_type(const std::string& name) {
  if (is_event_type(name)) return {};
  return "'" + name + "' is not a type of event. There are " + event_types();
}

std::string check_place(const std::string& text) {
  if (parse_place(text)) return {};
  return "must be a position or an event, such as 42 or 42.1, not '" + text + "'";
}

std::string check_position(const std::string& text) {
  if (text.find('.') == text.npos && parse_place(text)) return {};
  return "must be the position of a commit, such as 42, not '" + text + "'";
}

std::string check_entity(const std::string& text) {
  if (parse_id<EntityId>(text)) return {};
  return "must be the id of an account, a product or a purchase (a UUID), not '" + text + "'";
}

std::string check_time(const std::string& text) {
  if (parse_timestamp(text)) return {};
  return std::string("must be a time as in RFC 3339, such as ") + times_of_day + ", not '" + text +
         "'";
}

void add_filter_flags(CLI::App& app, Flags& flags) {
  app.add_option("--type", flags.types, "Events of this type; may be said more than once")
      ->allow_extra_args(false)
      ->check(check_type);
  app.add_option("--entity", flags.entity, "Events about this account, product or purchase")
      ->check(check_entity);
}

void add_stretch_flags(CLI::App& app, Flags& flags) {
  app.add_option("--from", flags.from, "First position or event, such as 42 or 42.1")
      ->check(check_place);
  app.add_option("--to", flags.to, "Last position or event")->check(check_place);
  app.add_option("--since", flags.since,
                 std::string("Commits of this time or later, such as ") + times_of_day)
      ->check(check_time);
  app.add_option("--until", flags.until, "Commits of this time or earlier")->check(check_time);
}

void add_json_flag(CLI::App& app, Flags& flags, const char* what) {
  app.add_flag("--json", flags.json, what);
}

EventFilter filter_of(const Flags& flags) {
  EventFilter filter{.types = flags.types};
  if (!flags.from.empty()) filter.from = std::max(*parse_place(flags.from), filter.from);
  if (!flags.to.empty()) filter.to = *parse_last_place(flags.to);
  if (!flags.entity.empty()) filter.entity = parse_id<EntityId>(flags.entity);
  return filter;
}

// --- Looking -------------------------------------------------------------------------------------

// The first position whose commit is of that time or later; one behind the last where there is
// none. Commits are in the order of their times, so a few looks are enough.
Position first_since(EventLog& log, Position last, Timestamp time) {
  std::uint64_t begin = 1;
  for (std::uint64_t end = last.value + 1; begin < end;) {
    const std::uint64_t middle = begin + (end - begin) / 2;
    const auto stored = log.read({middle});
    if (!stored) throw Corrupt("commit " + std::to_string(middle) + " is missing");
    if (decode(*stored).committed_at < time) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return {begin};
}

// The stretch of the log that the flags ask for.
struct Stretch {
  Position from;
  Position last;

  std::uint64_t commits() const { return last < from ? 0 : last.value - from.value + 1; }
};

Stretch stretch_of(EventLog& log, const Flags& flags) {
  const EventFilter filter = filter_of(flags);
  const Position end = log.last();
  Stretch stretch{filter.from.position, std::min(filter.to.position, end)};
  if (!flags.since.empty())
    stretch.from = std::max(stretch.from, first_since(log, end, *parse_timestamp(flags.since)));
  if (!flags.until.empty()) {
    const Timestamp behind{parse_timestamp(flags.until)->ms + 1};
    stretch.last = std::min(stretch.last, Position{first_since(log, end, behind).value - 1});
  }
  return stretch;
}

std::string table_line(EventId id, Timestamp committed_at, const Event& event) {
  const auto padded = [](std::string text, std::size_t width) {
    text.resize(std::max(text.size(), width), ' ');
    return text;
  };
  const Entity entity = entity_of(event);
  return padded(to_string(id), 12) + " " + to_string(committed_at) + " " +
         padded(std::string(wire_type(event).name), 22) + std::string(to_string(entity.kind)) +
         "/" + to_string(entity.id) + "\n";
}

std::string event_line(EventId id, const Commit& commit, bool json) {
  const RecordedEvent& recorded = commit.events[id.index];
  return json ? to_cloud_event(id, recorded).text() + "\n"
              : table_line(id, commit.committed_at, recorded.event);
}

// What matches in a commit, line by line.
template <class Take>
void each_match(const StoredCommit& stored, const EventFilter& filter, bool json, Take take) {
  const Commit commit = decode(stored);
  for (std::uint32_t index = 0; index < commit.events.size(); ++index) {
    const EventId id{stored.position, index};
    if (filter.matches(id, commit.events[index].event)) take(event_line(id, commit, json));
  }
}

int list(const Flags& flags) {
  const StopSignals stop;
  const auto log = open_existing_log(flags.log);
  const EventFilter filter = filter_of(flags);
  const Stretch stretch = stretch_of(*log, flags);
  LogRange range(*log, stretch.from, stretch.last, stop);
  std::uint64_t left = flags.limit > 0 ? flags.limit : std::numeric_limits<std::uint64_t>::max();
  for (auto commits = range.next(); !commits.empty() && left > 0; commits = range.next())
    for (const StoredCommit& stored : commits)
      each_match(stored, filter, flags.json, [&](const std::string& line) {
        if (left == 0) return;
        print(line);
        --left;
      });
  return 0;
}

// The last `count` lines that match, looked for from the end in growing steps.
std::deque<std::string> last_lines(EventLog& log, Position last, const EventFilter& filter,
                                   const Flags& flags, const StopSignals& stop) {
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
        each_match(stored, filter, flags.json, [&](std::string line) {
          earlier.push_back(std::move(line));
          if (earlier.size() > flags.last) earlier.pop_front();
        });
    lines.insert(lines.begin(), earlier.begin(), earlier.end());
  }
  while (lines.size() > flags.last) lines.pop_front();
  return lines;
}

// Ends with a signal only, which is how it is meant to end.
int tail(const Flags& flags) {
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
    PatientReader reader(*log, next, stop, std::chrono::hours(24 * 365 * 100));
    for (;;) {
      flush_output();
      for (const StoredCommit& stored : reader.next())
        each_match(stored, filter, flags.json, [](const std::string& line) { print(line); });
    }
  } catch (const Interrupted& interrupted) {
    if (interrupted.is_stop()) return 0;
    throw;
  }
}

// --- One commit ----------------------------------------------------------------------------------

// A commit as far as it can be read.
struct Shown {
  StoredCommit stored;
  std::vector<StoredEvent> heads;  // empty when the commit's form is not known
  std::optional<Commit> commit;
  std::string wrong;  // why it cannot be decoded
};

Shown look_at(StoredCommit stored) {
  Shown shown{std::move(stored), {}, {}, {}};
  try {
    shown.heads = list_events(shown.stored);
    shown.commit = decode(shown.stored);
  } catch (const Undecodable& undecodable) {
    shown.wrong = undecodable.what();
  }
  return shown;
}

Json json_of(const Shown& shown, std::optional<std::uint32_t> only) {
  Json json{{"position", shown.stored.position.value},
            {"commitId", to_string(shown.stored.id)},
            {"format", shown.stored.format},
            {"bytes", shown.stored.payload.size()}};
  if (shown.commit) json.add("committedAt", to_string(shown.commit->committed_at));
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
      event.add("event",
                to_cloud_event({shown.stored.position, index}, shown.commit->events[index]));
    events.push_back(event);
  }
  json.add("events", events);
  return json;
}

std::string text_of(const Shown& shown, std::optional<std::uint32_t> only) {
  const auto field = [](const std::string& name, const std::string& value) {
    return value.empty() ? "" : "  " + name + std::string(14 - name.size(), ' ') + value + "\n";
  };
  std::string text = "commit " + std::to_string(shown.stored.position.value) + "\n";
  text += field("id", to_string(shown.stored.id));
  if (shown.commit) text += field("committed at", to_string(shown.commit->committed_at));
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

int show(const Flags& flags) {
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
  print(flags.json ? json_of(shown, only).text() + "\n" : text_of(shown, only));
  if (!shown.wrong.empty()) throw Failure(shown.wrong);
  return 0;
}

// --- Backup and restore --------------------------------------------------------------------------

std::string commits_text(std::uint64_t count) {
  return grouped(count) + (count == 1 ? " commit" : " commits");
}

int export_events(const Flags& flags) {
  const StopSignals stop;
  const auto log = open_existing_log(flags.log);
  const Position from =
      std::max(parse_place(flags.from.empty() ? "1" : flags.from)->position, Position{1});
  Position last = log->last();
  if (!flags.to.empty()) last = std::min(last, parse_place(flags.to)->position);
  ExportWriter writer(flags.file.empty() ? "-" : flags.file, flags.gzip, *log, from);
  const Position begin = writer.next();
  LogRange range(*log, begin, last, stop);
  std::uint64_t written = 0;
  try {
    std::optional<Progress> progress;
    if (!writer.is_terminal())
      progress.emplace("exporting", "commits", last.value, begin.value - 1);
    for (auto commits = range.next(); !commits.empty(); commits = range.next())
      for (const StoredCommit& stored : commits) {
        const Commit commit = decode(stored);
        if (commit.events.empty())
          throw Failure("commit " + std::to_string(stored.position.value) +
                        " has no events, and cannot be exported");
        writer.append(stored, commit);
        ++written;
        if (progress) progress->show(stored.position.value);
      }
  } catch (...) {
    writer.finish();  // what is there is whole, and can be gone on with
    throw;
  }
  writer.finish();
  tell((writer.resumed_behind() == Position{}
            ? "exported "
            : "went on behind commit " + std::to_string(begin.value - 1) + " with ") +
       commits_text(written) + ", up to position " +
       std::to_string(std::max(last.value, begin.value - 1)));
  return 0;
}

// An event log that can be appended to, and that need not be there yet.
std::unique_ptr<JetStreamLog> open_or_create_log(const Flags& flags) {
  try {
    auto log = open_log(flags.log, flags.accept_weak_durability, 5s);
    log->create_stream();
    return log;
  } catch (const Corrupt& corrupt) {
    throw Failure(corrupt.what());
  }
}

// The first commits are looked at before the stream is created.
class Primed final : public CommitSource {
 public:
  explicit Primed(CommitSource& source) : source_(source), first_(source.next()) {}

  std::vector<StoredCommit> next() override {
    return first_ ? *std::exchange(first_, std::nullopt) : source_.next();
  }

 private:
  CommitSource& source_;
  std::optional<std::vector<StoredCommit>> first_;
};

int import_events(const Flags& flags) {
  const StopSignals stop;
  Position end;
  std::uint64_t appended = 0;
  try {
    ExportFile file(flags.file, ExportFile::Lines::as_needed);
    Primed source(file);
    const auto log = open_or_create_log(flags);
    Progress progress("importing", "commits", 0, log->last().value);
    const Imported imported = import_log(*log, source, stop, [&](Position position) {
      end = position;
      ++appended;
      progress.show(position.value);
    });
    end = imported.end;
  } catch (const Corrupt& corrupt) {
    throw Failure(std::string(corrupt.what()) + ". " + commits_text(appended) +
                  " before it were imported");
  }
  tell("imported " + commits_text(appended) + ", the log ends at position " +
       std::to_string(end.value));
  return 0;
}

// --- Judging -------------------------------------------------------------------------------------

Verifier::Report verify_all(CommitSource& source, std::uint64_t total) {
  Verifier verifier;
  Progress progress("verifying", "commits", total);
  for (;;) {
    try {
      const auto commits = source.next();
      if (commits.empty()) break;
      for (const StoredCommit& stored : commits) {
        verifier.take(stored);
        progress.show(verifier.report().commits);
        if (verifier.has_enough()) return verifier.report();
      }
    } catch (const Corrupt& corrupt) {
      verifier.take_damage(corrupt.what());
      if (verifier.has_enough()) break;
    }
  }
  return verifier.report();
}

int verify(const Flags& flags) {
  const StopSignals stop;
  const auto begun = std::chrono::steady_clock::now();
  Verifier::Report report;
  if (flags.file.empty()) {
    const auto log = open_existing_log(flags.log);
    const Position last = log->last();
    LogRange range(*log, {1}, last, stop);
    report = verify_all(range, last.value);
  } else {
    ExportFile file(flags.file, ExportFile::Lines::as_written_today);
    report = verify_all(file, 0);
  }
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begun;
  const auto rate = static_cast<std::uint64_t>(static_cast<double>(report.events) / taken.count());
  print(commits_text(report.commits) + ", " + grouped(report.events) + " events, " +
        grouped(report.bytes) + " bytes; " + grouped(rate) + " events/s\n");
  if (report.first)
    print("first  commit " + std::to_string(report.first->value) + ", " +
          to_string(report.first_at) + "\nlast   commit " + std::to_string(report.last.value) +
          ", " + to_string(report.last_at) + "\n");
  if (report.upcast > 0)
    print(grouped(report.upcast) + " events are of versions that are not written any more\n");
  if (report.consistent_up_to.value_or(Position{}) != report.last)
    print("what follows from what was looked at up to commit " +
          std::to_string(report.consistent_up_to.value_or(Position{}).value) +
          " only: behind it something is missing\n");
  for (const std::string& problem : report.problems) print("problem: " + problem + "\n");
  if (report.problems.empty()) {
    print("no problems\n");
    return 0;
  }
  if (report.problems.size() >= Verifier::most_problems) print("stopped here: there may be more\n");
  flush_output();
  throw Failure(grouped(report.problems.size()) + " problems were found");
}

int stats(const Flags& flags) {
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

}  // namespace

void add_events(CLI::App& app, int& status) {
  CLI::App* events = app.add_subcommand("events", "Look at the event log, back it up, restore it");
  events->require_subcommand(1);
  const auto flags = std::make_shared<Flags>();

  const auto add = [&](const char* name, const char* description, const char* examples,
                       int (*run)(const Flags&)) {
    CLI::App* command = events->add_subcommand(name, description);
    command->footer(std::string("Examples:\n") + examples);
    add_log_flags(*command, flags->log);
    command->callback([flags, run, &status] { status = run_tool([&] { return run(*flags); }); });
    return command;
  };

  CLI::App* command = add("list", "Print events, a line each, oldest first",
                          "  jangbu events list --type PurchaseCompleted --since "
                          "2026-03-01T00:00:00+09:00\n"
                          "  jangbu events list --entity 0195501c-3a00-7000-8000-00000000c001 "
                          "--json | jq .data",
                          list);
  add_filter_flags(*command, *flags);
  add_stretch_flags(*command, *flags);
  command->add_option("--limit", flags->limit, "So many events at most")
      ->check(CLI::PositiveNumber);
  add_json_flag(*command, *flags, "CloudEvents, as GET /events gives them");

  command = add("show", "Print a commit, or one event of it, with all that is known of it",
                "  jangbu events show 42\n  jangbu events show 42.1 --json", show);
  command->add_option("PLACE", flags->place, "Position or event, such as 42 or 42.1")
      ->required()
      ->check(check_place);
  add_json_flag(*command, *flags, "As one JSON document");

  command =
      add("tail", "Print the last events, and those that come, until Ctrl-C",
          "  jangbu events tail\n  jangbu events tail -n 0 --type DeliveryScanned --json", tail);
  add_filter_flags(*command, *flags);
  command->add_option("--from", flags->from, "Begin at this position or event, not at the end")
      ->check(check_place);
  command->add_option("-n,--last", flags->last, "So many events of those that are there")
      ->capture_default_str()
      ->check(CLI::Range(0, 1'000'000));
  add_json_flag(*command, *flags, "CloudEvents");

  command = add("export", "Write the log into a file, or go on with one that was written before",
                "  jangbu events export backup.ndjson.gz --gzip     # again: adds what came since\n"
                "  jangbu events export | jq -c '{id, type}'",
                export_events);
  command->add_option("FILE", flags->file, "The file; - and no name are standard output")
      ->type_name("FILE");
  command->add_flag("--gzip", flags->gzip, "Compress");
  command
      ->add_option("--from", flags->from,
                   "First position: such a file is an excerpt, which "
                   "cannot be imported")
      ->check(check_position);
  command->add_option("--to", flags->to, "Last position")->check(check_position);

  command =
      add("import", "Fill an empty stream from an exported file: the same positions and bytes",
          "  jangbu events import backup.ndjson.gz --stream RESTORED\n"
          "  jangbu events import backup.ndjson     # again after an interruption: goes on",
          import_events);
  command->add_option("FILE", flags->file, "The file, compressed or not; - is standard input")
      ->required();
  add_gate_flags(*command, flags->log, flags->accept_weak_durability);

  command = add("verify", "Check every commit of the log or of an exported file",
                "  jangbu events verify\n  jangbu events verify backup.ndjson.gz", verify);
  command->add_option("FILE", flags->file, "An exported file, instead of the log");

  command = add("stats", "Count events by type and by day, and the sizes of commits",
                "  jangbu events stats --since 2026-03-01T00:00:00Z\n"
                "  jangbu events stats --json | jq .byType",
                stats);
  add_stretch_flags(*command, *flags);
  add_json_flag(*command, *flags, "As one JSON document");
}

}  // namespace jangbu::cli
