// Imports: what comes out of an export is what went in.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <chrono>

#include "api/cli/verify.hpp"
#include "infra/eventlog/memory_log.hpp"
#include "tests/cli/logs.hpp"
#include "tests/cli/tools.hpp"
#include "tests/golden/samples.hpp"
#include "tests/support/faulty_log.hpp"
#include "tests/support/process.hpp"
#include "tests/support/property.hpp"
#include "tests/support/random_events.hpp"
#include "tests/support/samples.hpp"
#include "tests/support/simulation.hpp"

namespace jangbu::test {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

namespace {

CommitId any_commit_id() {
  return any_id<CommitId>();
}

void append_as(EventLog& log, const CommitId& id, const std::string& payload) {
  const auto result = log.append(log.last(), {id, payload}, 1s);
  RC_ASSERT(std::holds_alternative<Appended>(result));
}

void expect_restored(EventLog& log) {
  const TemporaryFolder folder;
  for (const bool compressed : {false, true}) {
    const auto file = folder.path() / (compressed ? "gz" : "plain");
    export_to(file, log, compressed);
    MemoryLog restored;
    const cli::Imported imported = import_from(file, restored);
    RC_ASSERT(imported.commits == log.last().value);
    RC_ASSERT(imported.end == log.last());
    RC_ASSERT(same_commits(all_of(restored), all_of(log)));
  }
}

}  // namespace

TEST_CASE("a log that is exported and imported is the same") {
  property("whatever commands came", [] {
    Simulation simulation;
    simulation.run(*any_steps());
    MemoryLog log;
    for (const std::string& payload : simulation.log()) append_as(log, any_commit_id(), payload);
    expect_restored(log);
  });
  property("whatever events it has", [] {
    MemoryLog log;
    for (int count = *rc::gen::inRange(0, 6); count > 0; --count) {
      Commit commit = any_commit();
      if (commit.events.empty()) commit.events.push_back(any_recorded_event());
      append_as(log, any_commit_id(), encode_commit(commit));
    }
    expect_restored(log);
  });
}

TEST_CASE("every version of every event that was ever written comes through") {
  MemoryLog log;
  for (const GoldenSample& sample : golden_samples())
    append(log, read_text(std::filesystem::path(JANGBU_GOLDEN_FOLDER) / (sample.name + ".bin")));
  const TemporaryFolder folder;
  export_to(folder.path() / "log", log, false);
  MemoryLog restored;
  import_from(folder.path() / "log", restored);
  CHECK(same_commits(all_of(restored), all_of(log)));
  Position position;
  for (const GoldenSample& sample : golden_samples()) {
    CAPTURE(sample.name);
    CHECK(decode(*restored.read(position = position.next())) == sample.commit);
  }
}

TEST_CASE("an import goes on where an earlier one ended") {
  MemoryLog log;
  for (const Commit& commit : small_story()) append(log, commit);
  const TemporaryFolder folder;
  const auto file = folder.path() / "log";
  export_to(file, log, false);
  for (std::uint64_t there = 0; there <= 4; ++there) {
    MemoryLog restored;
    for (std::uint64_t position = 1; position <= there; ++position) {
      const auto commit = *log.read({position});
      restored.append(restored.last(), {commit.id, commit.payload, commit.origin}, 1s);
    }
    const cli::Imported imported = import_from(file, restored);
    CHECK(imported.commits == 4 - there);
    CHECK(same_commits(all_of(restored), all_of(log)));
  }
}

TEST_CASE("acknowledgements that are lost during an import lose nothing") {
  MemoryLog log;
  for (const Commit& commit : small_story()) append(log, commit);
  const TemporaryFolder folder;
  export_to(folder.path() / "log", log, false);
  MemoryLog restored;
  FaultyLog faulty(restored);
  faulty.script({Fault::lost_ack, Fault::none, Fault::lost_append, Fault::lost_append, Fault::none,
                 Fault::late});
  import_from(folder.path() / "log", faulty);
  CHECK(same_commits(all_of(restored), all_of(log)));
}

TEST_CASE("an import changes nothing where the stream is not the file's beginning") {
  MemoryLog log;
  for (const Commit& commit : small_story()) append(log, commit);
  const TemporaryFolder folder;
  const auto file = folder.path() / "log";
  export_to(file, log, false);
  MemoryLog other;
  const auto refuses = [&](const std::string& why) {
    const auto before = all_of(other);
    CHECK_THROWS_MATCHES(import_from(file, other), cli::Failure,
                         MessageMatches(ContainsSubstring(why)));
    CHECK(same_commits(all_of(other), before));
  };
  SECTION("another commit") {
    append(other, small_story()[0]);
    refuses("commits that are not the file's, from commit 1");
  }
  SECTION("more commits") {
    import_from(file, other);
    append(other, small_story()[3]);
    refuses("the stream has 5 commits, the file only 4");
  }
  SECTION("an excerpt") {
    export_to(folder.path() / "excerpt", log, false, {2});
    write_text(file, read_text(folder.path() / "excerpt"));
    refuses("only an export of a whole log can be imported");
  }
}

TEST_CASE("another writer ends an import") {
  MemoryLog log;
  for (const Commit& commit : small_story()) append(log, commit);
  const TemporaryFolder folder;
  export_to(folder.path() / "log", log, false);
  MemoryLog restored;
  FaultyLog faulty(restored, [&] { append(restored, small_story()[0]); });
  faulty.script({Fault::none, Fault::rival});
  CHECK_THROWS_MATCHES(import_from(folder.path() / "log", faulty), cli::Failure,
                       MessageMatches(ContainsSubstring("somebody else appended commit 2")));
}

TEST_CASE("of a damaged file what is before the damage is imported") {
  MemoryLog log;
  for (const Commit& commit : small_story()) append(log, commit);
  const TemporaryFolder folder;
  const auto file = folder.path() / "log";
  export_to(file, log, false);
  const std::string whole = read_text(file);
  for (std::size_t size = 1; size < whole.size(); size += 5) {
    write_text(file, whole.substr(0, size));
    MemoryLog restored;
    bool failed = false;
    try {
      import_from(file, restored);
    } catch (const Corrupt&) {
      failed = true;
    }
    CAPTURE(size);
    const auto commits = all_of(restored);
    auto expected = all_of(log);
    REQUIRE(commits.size() < expected.size());
    expected.resize(commits.size());
    REQUIRE(same_commits(commits, expected));
    // Only a file that ends where a commit does could be a whole one.
    const bool ends_a_commit = !failed;
    if (ends_a_commit) {
      const std::string next = whole.substr(size, whole.find('\n', size) - size);
      REQUIRE(whole[size - 1] == '\n');
      REQUIRE_THAT(next, ContainsSubstring("\"commitid\":"));
    }
  }
}

}  // namespace jangbu::test
