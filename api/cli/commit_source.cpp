#include "api/cli/commit_source.hpp"

#include <poll.h>

#include <string>
#include <utility>

#include "events/errors.hpp"

namespace jangbu::cli {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t commits_a_read = 500;
constexpr auto moment = 200ms;

}  // namespace

PatientReader::PatientReader(std::unique_ptr<LogReader> reader, const StopSignals& stop,
                             std::chrono::seconds patience)
    : stop_(stop), patience_(patience), reader_(std::move(reader)) {}

std::vector<StoredCommit> PatientReader::next() {
  stop_.check();
  try {
    auto commits = reader_->next(commits_a_read, moment);
    answered_ = Clock::now();
    return commits;
  } catch (const Unavailable& away) {
    if (Clock::now() - answered_ > patience_)
      throw Failure(std::string("the event log does not answer any more: ") + away.what());
    ::poll(nullptr, 0, static_cast<int>(moment.count()));
    return {};
  }
}

LogRange::LogRange(EventLog& log, Position from, Position last, const StopSignals& stop)
    : LogRange([&log](Position at) { return log.read_from(at); }, from, last, stop) {}

LogRange::LogRange(MakeReader make_reader, Position from, Position last, const StopSignals& stop)
    : make_reader_(std::move(make_reader)), next_(from), last_(last), stop_(stop) {}

std::vector<StoredCommit> LogRange::next() {
  if (next_ > last_) return {};
  if (!reader_) reader_ = std::make_unique<PatientReader>(make_reader_(next_), stop_);
  std::vector<StoredCommit> commits;
  try {
    while (commits.empty()) commits = reader_->next();
  } catch (const Corrupt&) {
    next_ = next_.next();
    reader_.reset();
    throw;
  }
  while (!commits.empty() && commits.back().position > last_) commits.pop_back();
  next_ = commits.empty() ? last_.next() : commits.back().position.next();
  return commits;
}

}  // namespace jangbu::cli
