// The tools that keep the log safe: export, import, verify.
#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/answers/represent.hpp"
#include "api/cli/commit_source.hpp"
#include "api/cli/events_tools.hpp"
#include "api/cli/export_file.hpp"
#include "api/cli/import_log.hpp"
#include "api/cli/progress.hpp"
#include "api/cli/tool.hpp"
#include "api/cli/verify.hpp"
#include "api/serve/gate.hpp"
#include "events/errors.hpp"

namespace jangbu::cli {

using namespace std::chrono_literals;

int run_export(const EventsFlags& flags) {
  const StopSignals stop;
  const auto log = open_existing_log(flags.log);
  const Position from =
      std::max(parse_place(flags.from.empty() ? "1" : flags.from)->position, Position{1});
  Position last = log->last();
  if (!flags.to.empty()) last = std::min(last, parse_place(flags.to)->position);
  ExportWriter writer({.path = flags.file.empty() ? "-" : flags.file,
                       .compressed = flags.gzip,
                       .source = cloud_event_source(flags.shop)},
                      *log, from);
  const Position begin = writer.next();
  LogRange range(*log, begin, last, stop);
  std::uint64_t written = 0;
  try {
    std::optional<Progress> progress;
    if (!writer.is_terminal())
      progress.emplace("exporting", "commits", last.value, begin.value - 1);
    for (auto commits = range.next(); !commits.empty(); commits = range.next())
      for (const StoredCommit& stored : commits) {
        writer.append(stored, decode(stored));
        ++written;
        if (progress) progress->show(stored.position.value);
      }
  } catch (...) {
    writer.finish();  // what was written is complete, and can be continued
    throw;
  }
  writer.finish();
  tell((writer.resumed_behind() == Position{}
            ? "exported "
            : "continued after commit " + std::to_string(begin.value - 1) + " with ") +
       commits_text(written) + ", up to position " +
       std::to_string(std::max(last.value, begin.value - 1)));
  return 0;
}

namespace {

// Opens an event log for appending; it need not exist yet.
std::unique_ptr<JetStreamLog> open_or_create_log(const EventsFlags& flags) {
  try {
    auto log = open_log(flags.log, flags.accept_weak_durability, 5s);
    log->create_stream();
    return log;
  } catch (const Corrupt& corrupt) {
    throw Failure(corrupt.what());
  }
}

// Reads the first commits before the stream is created.
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

}  // namespace

int run_import(const EventsFlags& flags) {
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

int run_verify(const EventsFlags& flags) {
  const StopSignals stop;
  const auto begun = std::chrono::steady_clock::now();
  Verifier::Report report;
  if (flags.file.empty()) {
    const auto log = open_existing_log(flags.log);
    const Position last = log->last();
    LogRange range(*log, {1}, last, stop);
    report = verify_all(range, last.value, stop);
    if (flags.every_copy)
      for (std::string& problem : compare_copies(*log, last, stop))
        report.problems.push_back(std::move(problem));
  } else {
    ExportFile file(flags.file, ExportFile::Lines::as_written_today);
    report = verify_all(file, 0, stop);
  }
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begun;
  print(text_of(report, taken));
  if (!report.problems.empty()) {
    if (report.problems.size() >= Verifier::most_problems)
      print("stopped here: there may be more\n");
    flush_output();
    throw Failure(grouped(report.problems.size()) + " problems were found");
  }
  for (const StoredCommit& found : report.voids)
    if (std::ranges::find(flags.accepted_voids, found.position.value) == flags.accepted_voids.end())
      throw Failure("commit " + std::to_string(found.position.value) +
                    " is void: docs/durability.md says what to do; then add --accept-void " +
                    std::to_string(found.position.value));
  print("no problems\n");
  return 0;
}

}  // namespace jangbu::cli
