// Checks that a log is sound: every commit decodes, positions follow one another from 1, no two
// consecutive commits have the same id, time never goes back, events are from who claimed last,
// every event encodes to the bytes it came from, and nothing contradicts what came before
// (projections/views/consistency.hpp).
//
// A void commit (events/event_log.hpp) is reported, but no damage: everything passes over it.
//
// Threads: one at a time.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/cli/commit_source.hpp"
#include "events/commit.hpp"
#include "projections/views/shop.hpp"

namespace jangbu::cli {

class Verifier {
 public:
  // Verification stops after this many.
  static constexpr std::size_t most_problems = 100;

  struct Report {
    std::uint64_t commits = 0;
    std::uint64_t events = 0;
    std::uint64_t bytes = 0;
    std::uint64_t upcast = 0;  // events of versions that are no longer written
    std::uint64_t claims = 0;  // and other commits without events
    std::vector<StoredCommit> voids;
    std::optional<Position> first;
    Position last;
    Timestamp first_at;
    Timestamp last_at;
    std::vector<std::string> problems;
    // The last commit whose consistency was checked; later ones lack something before them.
    std::optional<Position> consistent_up_to;
  };

  void take(const StoredCommit& stored);
  // Something could not be read: what and where.
  void take_damage(const std::string& what);

  bool has_enough() const { return report_.problems.size() >= most_problems; }
  const Report& report() const { return report_; }

 private:
  void check_order(const StoredCommit& stored);
  void check_author(const StoredCommit& stored, const Commit& commit);
  void check_bytes(const StoredCommit& stored, const Commit& commit);
  void check_story(Commit commit, Position position);
  void problem(Position position, const std::string& what);

  Report report_;
  Shop shop_;
  bool folding_ = true;
  std::optional<StoredCommit> before_;
  std::optional<Timestamp> time_before_;
  std::optional<Author> active_;  // who claimed last
};

// Verifies everything, with a progress line towards `total` (0: unknown). Throws Interrupted.
Verifier::Report verify_all(CommitSource& source, std::uint64_t total, const StopSignals& stop);

// The report for people, without the verdict.
std::string text_of(const Verifier::Report& report, std::chrono::duration<double> taken);

// Why this commit is void. REQUIRES: it is.
std::string void_text(const StoredCommit& stored);

// "1 commit", "1,204 commits".
std::string commits_text(std::uint64_t count);

}  // namespace jangbu::cli
