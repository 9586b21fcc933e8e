#include "infra/read_ahead.hpp"

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "tests/support/process.hpp"
#include "tests/support/samples.hpp"

namespace jangbu::test {

namespace {

using namespace std::chrono_literals;

std::optional<Author> author_of(std::uint64_t at) {
  if (at % 7 > 0) return std::nullopt;
  return Author{id<InstanceId>(static_cast<unsigned>(at)), "shop-" + std::to_string(at)};
}

// A log of commits that differ in their time, author and number of events, and what is asked of it.
class Log final : public EventLog {
 public:
  explicit Log(std::uint64_t commits, std::size_t text_bytes = 0) : commits_(commits) {
    for (std::uint64_t at = 1; at <= commits; ++at) {
      AccountState account = hong;
      account.person.name = std::string(text_bytes, 'x');
      Commit commit{{static_cast<std::int64_t>(at)}, {{{}, AccountOpened{account}}}};
      // Some have none, and some more than the memory is kept of.
      if (text_bytes == 0)
        commit.events.resize(at % 50 == 0 ? 300 : at % 4, {{}, ReceiptConfirmed{first_purchase}});
      payloads_.push_back(encode_commit(commit));
    }
  }

  Commit commit_at(Position position) const {
    return decode({position, {}, commit_format, payloads_[position.value - 1], {}});
  }

  // Commits that are given at once.
  std::size_t at_once = 1'000;
  // The commit that cannot be decoded, and the one at which the log is away.
  std::uint64_t broken = 0, away_at = 0;
  std::atomic<std::uint64_t> given{0};
  std::thread::id read_by;

  // No commit after this has arrived.
  void set_arrived(std::uint64_t last) {
    std::lock_guard lock(mutex_);
    arrived_ = last;
    changed_.notify_all();
  }

  AppendResult append(Position, const NewCommit&, std::chrono::milliseconds) override {
    return NoAnswer{};
  }
  std::optional<StoredCommit> read(Position) override { return std::nullopt; }
  Position last() override { return {commits_}; }
  std::unique_ptr<LogReader> read_from(Position from) override {
    return std::make_unique<Reader>(*this, from);
  }
  unsigned replicas() const override { return 1; }

 private:
  class Reader final : public LogReader {
   public:
    Reader(Log& log, Position from) : log_(log), next_(from.value) {}

    std::vector<StoredCommit> next(std::size_t max, std::chrono::milliseconds timeout) override {
      log_.read_by = std::this_thread::get_id();
      std::vector<StoredCommit> commits;
      std::unique_lock lock(log_.mutex_);
      log_.changed_.wait_for(lock, timeout, [&] { return next_ <= log_.arrived_; });
      const std::uint64_t end = std::min(log_.commits_, log_.arrived_);
      for (; next_ <= end && commits.size() < std::min(max, log_.at_once); ++next_) {
        if (next_ == log_.away_at) {
          if (!commits.empty()) break;
          throw Unavailable("away");
        }
        StoredCommit stored;
        stored.position = {next_};
        stored.origin.author = author_of(next_);
        stored.payload = log_.payloads_[next_ - 1];
        if (next_ == log_.broken) stored.payload.remove_suffix(1);
        commits.push_back(std::move(stored));
        ++log_.given;
      }
      return commits;
    }

   private:
    Log& log_;
    std::uint64_t next_;
  };

  std::uint64_t commits_;
  std::vector<std::string> payloads_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t arrived_ = ~std::uint64_t{0};
};

// Reads on and tells up to where there was no gap, and each commit was the one of its place.
Position read_all(const Log& log, ReadAhead& reader, Position after, Position last) {
  while (after < last)
    for (const DecodedCommit& read : reader.next(10s)) {
      REQUIRE(read.position == after.next());
      REQUIRE(read.origin.author == author_of(read.position.value));
      REQUIRE(read.commit == log.commit_at(read.position));
      after = read.position;
    }
  return after;
}

constexpr std::uint64_t many = 10 * ReadAhead::worth_a_thread;

}  // namespace

TEST_CASE("commits are decoded ahead, in order, and none after the last that is wanted") {
  const std::uint64_t commits = GENERATE(std::uint64_t{1}, ReadAhead::worth_a_thread, many);
  const std::uint64_t after = GENERATE(0U, 7U);
  Log log(after + commits + 100);
  log.at_once = GENERATE(std::size_t{1}, std::size_t{1'000});
  const Position last{after + commits};
  {
    ReadAhead reader(log, {after}, last);
    CHECK(read_all(log, reader, {after}, last) == last);
  }
  CHECK(log.given == commits);
}

TEST_CASE("only a long read has a thread") {
  const std::uint64_t commits =
      GENERATE(ReadAhead::worth_a_thread - 1, std::uint64_t{ReadAhead::worth_a_thread});
  Log log(commits);
  {
    ReadAhead reader(log, {}, log.last());
    read_all(log, reader, {}, log.last());
  }
  CHECK((log.read_by == std::this_thread::get_id()) == (commits < ReadAhead::worth_a_thread));
}

TEST_CASE("what cannot be read is told after all that comes before it") {
  const std::uint64_t commits = GENERATE(ReadAhead::worth_a_thread - 1, many);
  const std::uint64_t fails = commits / 2;
  Log log(commits);
  SECTION("a commit that this build cannot decode") {
    log.broken = fails;
    ReadAhead reader(log, {}, log.last());
    if (commits == many) CHECK(read_all(log, reader, {}, {fails - 1}).value == fails - 1);
    CHECK_THROWS_AS(read_all(log, reader, {fails - 1}, log.last()), Undecodable);
  }
  SECTION("the log is away") {
    log.away_at = fails;
    ReadAhead reader(log, {}, log.last());
    CHECK(read_all(log, reader, {}, {fails - 1}).value == fails - 1);
    CHECK_THROWS_AS(read_all(log, reader, {fails - 1}, log.last()), Unavailable);
    CHECK_THROWS_AS(reader.next(0ms), Unavailable);
  }
}

TEST_CASE("nothing is given while nothing arrives, and then what has arrived") {
  Log log(many);
  log.set_arrived(3);
  ReadAhead reader(log, {}, log.last());
  CHECK(read_all(log, reader, {}, {3}) == Position{3});
  CHECK(reader.next(1ms).empty());
  log.set_arrived(many);
  CHECK(read_all(log, reader, {3}, log.last()) == log.last());
}

TEST_CASE("only so much is read ahead of a slow caller, who may leave at any time") {
  const auto [text_bytes, each] = GENERATE(
      std::pair(std::size_t{0}, std::uint64_t{ReadAhead::batch_commits}),
      std::pair(std::size_t{100'000}, std::uint64_t{ReadAhead::batch_bytes / 100'000 + 1}));
  Log log(300, text_bytes);
  log.at_once = each;
  // One batch has been given away, and one waits for a place.
  const std::uint64_t most = (ReadAhead::most_batches + 2) * each;
  {
    ReadAhead reader(log, {}, log.last());
    CHECK(reader.next(10s).size() == each);
    wait_until("as much as there is room for", [&] { return log.given >= most; });
  }
  CHECK(log.given == most);
}

}  // namespace jangbu::test
