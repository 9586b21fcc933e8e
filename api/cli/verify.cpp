#include "api/cli/verify.hpp"

#include <algorithm>

#include "api/cli/progress.hpp"
#include "events/decoders.hpp"
#include "projections/views/consistency.hpp"

namespace jangbu::cli {

namespace {

bool is_written_today(const StoredEvent& event) {
  return std::ranges::any_of(current_decoders(), [&](const Decoder& decoder) {
    return decoder.wire == WireType{event.type, event.version};
  });
}

}  // namespace

void Verifier::take(const StoredCommit& stored) {
  ++report_.commits;
  report_.bytes += stored.payload.size();
  report_.last = stored.position;
  if (!report_.first) report_.first = stored.position;
  check_order(stored);
  before_ = stored;
  if (stored.is_void()) {
    report_.voids.push_back(stored);
    if (folding_) report_.consistent_up_to = stored.position;
    return;
  }
  try {
    Commit commit = decode(stored);
    report_.events += commit.events.size();
    check_author(stored, commit);
    if (!time_before_) report_.first_at = commit.committed_at;
    if (time_before_ && commit.committed_at < *time_before_)
      problem(stored.position, "its time, " + to_string(commit.committed_at) +
                                   ", is before that of the commit before it, " +
                                   to_string(*time_before_));
    time_before_ = std::max(time_before_.value_or(commit.committed_at), commit.committed_at);
    report_.last_at = *time_before_;
    check_bytes(stored, commit);
    check_story(std::move(commit), stored.position);
  } catch (const Undecodable& undecodable) {
    problem(stored.position, undecodable.what());
    folding_ = false;
  }
}

void Verifier::take_damage(const std::string& what) {
  report_.problems.push_back(what);
  folding_ = false;
  before_.reset();
}

void Verifier::check_order(const StoredCommit& stored) {
  const bool is_first = report_.commits == 1 && report_.problems.empty();
  if (is_first && stored.position != Position{1}) {
    problem(stored.position, "it is the first, but commits begin at 1");
    folding_ = false;
  }
  if (!before_) return;
  if (stored.position != before_->position.next()) {
    problem(stored.position,
            "it follows commit " + std::to_string(before_->position.value) + " directly");
    folding_ = false;
  }
  if (stored.id == before_->id)
    problem(stored.position, "it has the id of the commit before it, " + to_string(stored.id));
}

// Who has lost its term may not know it yet, but the fence keeps out what it appends.
void Verifier::check_author(const StoredCommit& stored, const Commit& commit) {
  const auto& author = stored.origin.author;
  if (!commit.events.empty()) {
    if (author && active_ && author->id != active_->id)
      problem(stored.position,
              "it is from " + to_string(*author) + ", but " + to_string(*active_) + " had claimed");
  } else if (author) {
    ++report_.claims;
    active_ = author;
  } else {
    problem(stored.position, "it has no events, and nobody claims with it");
  }
}

// Bytes that differ from today's encoding may be of a retired version, so the events are then
// compared one by one.
void Verifier::check_bytes(const StoredCommit& stored, const Commit& commit) {
  if (encode_commit(commit) == stored.payload) return;
  const std::vector<StoredEvent> events = list_events(stored);
  for (std::size_t index = 0; index < events.size(); ++index) {
    if (!is_written_today(events[index])) {
      ++report_.upcast;
    } else if (encode(commit.events[index]) != events[index].bytes) {
      problem(stored.position,
              "event " + std::to_string(index) + " is encoded to other bytes than it came from");
    }
  }
}

void Verifier::check_story(Commit commit, Position position) {
  if (!folding_) return;
  std::uint32_t index = 0;
  for (RecordedEvent& recorded : commit.events) {
    const EventId id{position, index++};
    const std::string why = contradiction(shop_, recorded.event);
    if (why.empty()) {
      fold(shop_, std::move(recorded), id, *time_before_);
    } else {
      problem(position, std::string(wire_type(recorded.event).name) + " " + to_string(id) +
                            " does not follow from what came before: " + why);
    }
  }
  shop_.keep(*time_before_);
  report_.consistent_up_to = position;
}

void Verifier::problem(Position position, const std::string& what) {
  report_.problems.push_back("commit " + std::to_string(position.value) + ": " + what);
}

Verifier::Report verify_all(CommitSource& source, std::uint64_t total, const StopSignals& stop) {
  Verifier verifier;
  Progress progress("verifying", "commits", total);
  for (;;) {
    stop.check();
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

std::string text_of(const Verifier::Report& report, std::chrono::duration<double> taken) {
  const auto rate = static_cast<std::uint64_t>(static_cast<double>(report.events) / taken.count());
  std::string text = commits_text(report.commits) + ", " + grouped(report.events) + " events, " +
                     grouped(report.bytes) + " bytes; " + grouped(rate) + " events/s\n";
  if (report.first)
    text += "first  commit " + std::to_string(report.first->value) + ", " +
            to_string(report.first_at) + "\nlast   commit " + std::to_string(report.last.value) +
            ", " + to_string(report.last_at) + "\n";
  if (report.upcast > 0)
    text += grouped(report.upcast) + " events are of versions that are no longer written\n";
  if (report.claims > 0)
    text += commits_text(report.claims) + " without events: claims and hand-overs of the writer\n";
  for (const StoredCommit& stored : report.voids) text += "void: " + void_text(stored) + "\n";
  const Position consistent_up_to = report.consistent_up_to.value_or(Position{});
  if (consistent_up_to != report.last)
    text += "consistency was checked up to commit " + std::to_string(consistent_up_to.value) +
            " only: after it something is missing\n";
  for (const std::string& problem : report.problems) text += "problem: " + problem + "\n";
  return text;
}

std::string void_text(const StoredCommit& stored) {
  const auto& [author, decided_at, successor] = stored.origin;
  return "commit " + std::to_string(stored.position.value) + " was decided at " +
         std::to_string(decided_at->value) + (author ? " by " + to_string(*author) : "") +
         ", and can only be at " + std::to_string(decided_at->next().value) +
         ": the server should not have let it in";
}

std::string commits_text(std::uint64_t count) {
  return grouped(count) + (count == 1 ? " commit" : " commits");
}

}  // namespace jangbu::cli
