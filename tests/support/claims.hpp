// Logs with commits in which nothing happened: claims, hand-overs, and void commits.
#pragma once

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "events/commit.hpp"
#include "events/event_log.hpp"
#include "tests/support/samples.hpp"

namespace jangbu::test {

inline const Author seoul{id<InstanceId>(0x51), "seoul"};
inline const Author busan{id<InstanceId>(0x52), "busan.2"};

inline Position append_from(EventLog& log, const std::string& payload, Origin origin) {
  const Position before = log.last();
  if (!origin.decided_at) origin.decided_at = before;
  const NewCommit commit{id<CommitId>(static_cast<unsigned>(before.value + 1)), payload, origin};
  if (!std::holds_alternative<Appended>(log.append(before, commit, std::chrono::seconds(10))))
    throw std::runtime_error("not appended");
  return before.next();
}
inline Position append_from(EventLog& log, const Author& author, const Commit& commit) {
  return append_from(log, encode_commit(commit), {.author = author});
}

inline Position append_claim(EventLog& log, const Author& author, Timestamp at = opening) {
  return append_from(log, author, Commit{at, {}});
}
inline Position append_hand_over(EventLog& log, const Author& author, const Author& successor,
                                 Timestamp at = opening) {
  return append_from(log, encode_commit({at, {}}), {.author = author, .successor = successor.id});
}
// As a broken fence lets it in.
inline Position append_void(EventLog& log, const Author& author, const std::string& payload) {
  return append_from(log, payload,
                     {.author = author, .decided_at = Position{log.last().value + 5}});
}

// Appends these commits, by one author after the other. The log begins and ends with a void commit
// and a claim, and has some between all others. The void ones hold what would contradict the shop,
// at times that would disturb it, or are not even commits. Returns where the commits are.
inline std::vector<Position> append_among_claims(EventLog& log,
                                                 const std::vector<Commit>& commits) {
  std::vector<Position> positions;
  append_void(log, busan, encode_commit({after_minutes(1'000'000), commits.front().events}));
  append_claim(log, seoul, commits.front().committed_at);
  const Author* active = &seoul;
  for (const Commit& commit : commits) {
    positions.push_back(append_from(log, *active, commit));
    const Author& other = active == &seoul ? busan : seoul;
    append_void(log, other, encode_commit({after_minutes(1'000'000), commit.events}));
    append_void(log, other, "no commit");
    if (positions.size() % 2 == 0) append_hand_over(log, *active, other, commit.committed_at);
    append_claim(log, other, commit.committed_at);
    append_claim(log, other, commit.committed_at);  // a confirmation
    active = &other;
  }
  append_void(log, *active, encode_commit({Timestamp{1}, commits.back().events}));
  return positions;
}

}  // namespace jangbu::test
