// Figures, not tests: run the program with `[bench]`. JANGBU_BENCH_PURCHASES says of how many
// purchases, JANGBU_BENCH_COMMIT how many of them a commit has.
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "api/cli/log_stats.hpp"
#include "api/cli/verify.hpp"
#include "infra/eventlog/jetstream_log.hpp"
#include "tests/cli/logs.hpp"
#include "tests/cli/tools.hpp"
#include "tests/support/nats_server.hpp"

namespace jangbu::test {

namespace {

unsigned number_from(const char* variable, unsigned otherwise) {
  const char* text = std::getenv(variable);
  return text ? static_cast<unsigned>(std::stoul(text)) : otherwise;
}

template <class Task>
void measure(const char* what, double events, double bytes, Task task) {
  const auto begun = std::chrono::steady_clock::now();
  task();
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begun;
  std::printf("%-32s %8.2f s %12.0f events/s %8.0f MB/s\n", what, taken.count(),
              events / taken.count(), bytes / taken.count() / 1e6);
  std::fflush(stdout);
}

template <class Take>
void read_all(EventLog& log, Take take) {
  const cli::StopSignals stop;
  cli::LogRange range(log, {1}, log.last(), stop);
  for (auto commits = range.next(); !commits.empty(); commits = range.next())
    for (const StoredCommit& commit : commits) take(commit);
}

}  // namespace

TEST_CASE("speed of the tools", "[.bench]") {
  const unsigned purchases = number_from("JANGBU_BENCH_PURCHASES", 2'000'000);
  const unsigned in_a_commit = number_from("JANGBU_BENCH_COMMIT", 100);
  NatsServer nats({.sync_always = false});
  const auto log = JetStreamLog::connect({.url = nats.url()}, 10s);
  log->create_stream();
  double bytes = 0;
  make_purchases(purchases, in_a_commit, [&](const Commit& commit) {
    const std::string payload = encode_commit(commit);
    bytes += static_cast<double>(payload.size());
    append(*log, payload);
  });
  const double events = purchases;
  std::printf("%u purchases, %u a commit, %.0f MB\n", purchases, in_a_commit, bytes / 1e6);

  std::size_t sum = 0;
  measure("read, without decoding", events, bytes, [&] {
    read_all(*log, [&](const StoredCommit& commit) { sum += commit.payload.size(); });
  });
  std::vector<StoredCommit> some;
  read_all(*log, [&](const StoredCommit& commit) {
    if (some.size() < 200) some.push_back(commit);
  });
  measure("decode only", 200.0 * in_a_commit * 10, 0, [&] {
    for (int round = 0; round < 10; ++round)
      for (const StoredCommit& commit : some) sum += decode(commit).events.size();
  });
  measure("read and decode", events, bytes, [&] {
    read_all(*log, [&](const StoredCommit& commit) { sum += decode(commit).events.size(); });
  });
  measure("stats", events, bytes, [&] {
    cli::LogStats stats;
    read_all(*log, [&](const StoredCommit& commit) { stats.take(commit, decode(commit)); });
  });
  measure("verify", events, bytes, [&] {
    cli::Verifier verifier;
    read_all(*log, [&](const StoredCommit& commit) { verifier.take(commit); });
    CHECK(verifier.report().problems.empty());
  });
  const TemporaryFolder folder;
  for (const bool compressed : {false, true}) {
    const auto file = folder.path() / (compressed ? "gz" : "plain");
    measure(compressed ? "export --gzip" : "export", events, bytes,
            [&] { export_to(file, *log, compressed); });
    std::printf("  %.0f MB\n", static_cast<double>(std::filesystem::file_size(file)) / 1e6);
    measure(compressed ? "read the compressed export" : "read the export", events, bytes,
            [&] { read_export(file, cli::ExportFile::Lines::as_needed); });
  }
  CHECK(sum > 0);
}

}  // namespace jangbu::test
