// Logs to try the tools on.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "events/commit.hpp"
#include "events/event_log.hpp"
#include "tests/support/files.hpp"

namespace jangbu::test {

// Appends at the end, with an id that no other call gave.
Position append(EventLog& log, const std::string& payload);
Position append(EventLog& log, const Commit& commit);

// All commits of a log.
std::vector<StoredCommit> all_of(EventLog& log);
// Same positions, ids, formats, payloads and origins.
bool same_commits(const std::vector<StoredCommit>& a, const std::vector<StoredCommit>& b);

// The story of a small shop, whose content tests know: 4 commits, 7 events, three minutes apart,
// from 2026-03-01T09:30:00Z on.
std::vector<Commit> small_story();
// A shop that has so many purchases, as many of them in a commit as said.
std::vector<Commit> many_purchases(unsigned count, unsigned in_a_commit);
// The same, a commit at a time.
void make_purchases(unsigned count, unsigned in_a_commit,
                    const std::function<void(const Commit&)>& take);

}  // namespace jangbu::test
