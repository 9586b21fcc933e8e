// The files of the log are damaged while nats-server is stopped: it is noticed, or nothing is lost;
// and an export brings back what it has seen.
#include <algorithm>
#include <catch2/catch_get_random_seed.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <fstream>
#include <random>
#include <sstream>
#include <string>

#include "infra/eventlog/jetstream_log.hpp"
#include "tests/cli/logs.hpp"
#include "tests/cli/tool.hpp"
#include "tests/e2e/ledger.hpp"
#include "tests/e2e/requests.hpp"
#include "tests/faults/disk_market.hpp"

namespace jangbu::test {

using Catch::Matchers::ContainsSubstring;

namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

// How nats-server ended. In order it leaves a summary of its blocks behind, index.db; killed, it
// reads them through when it starts.
enum class End { in_order, killed };

void flip_bit(const fs::path& file, std::uintmax_t place, unsigned bit = 0) {
  std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
  bytes.seekg(static_cast<std::streamoff>(place));
  const int byte = bytes.get();
  bytes.seekp(static_cast<std::streamoff>(place));
  bytes.put(static_cast<char>(byte ^ 1 << bit));
}

void cut_off(const fs::path& file, std::uintmax_t bytes) {
  fs::resize_file(file, fs::file_size(file) - bytes);
}

// The files of the stream SHOP.
struct Files {
  fs::path stream;

  fs::path block(int number) const { return stream / "msgs" / (std::to_string(number) + ".blk"); }
  int blocks() const {
    int count = 0;
    while (fs::exists(block(count + 1))) ++count;
    return count;
  }
  fs::path last_block() const { return block(blocks()); }
  fs::path index() const { return stream / "msgs" / "index.db"; }
  std::vector<fs::path> all() const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(stream))
      if (entry.is_regular_file() && entry.file_size() > 0) files.push_back(entry.path());
    std::ranges::sort(files);
    return files;
  }
};

// A log in three blocks, its export, and copies of it to be damaged.
class Original {
 public:
  Original() {
    NatsServer nats({.sync_always = false, .volume = folder_.path()});
    {
      const auto log = JetStreamLog::connect({.url = nats.url(), .monitor_url = {}}, 10s);
      log->create_stream();
      make_purchases(48'000, 400, [&](const Commit& commit) { append(*log, commit); });
      commits = all_of(*log);
    }
    if (run({"events", "export", exported(), "--nats-url", nats.url()}).status != 0)
      throw std::runtime_error("cannot be exported");
    nats.kill();
    fs::copy(nats.store(), folder_.path() / "killed", fs::copy_options::recursive);
    nats.start();
    nats.stop();
  }

  fs::path exported() const { return folder_.path() / "export"; }
  void copy_to(const fs::path& folder, End end) const {
    fs::copy(folder_.path() / (end == End::killed ? "killed" : "jetstream"), folder / "jetstream",
             fs::copy_options::recursive);
  }

  std::vector<StoredCommit> commits;

 private:
  TemporaryFolder folder_;
};

const Original& original() {
  static const Original made;
  return made;
}

// A server on a copy of the log's files that something was done to.
class Damaged {
 public:
  Damaged(End end, const std::function<void(const Files&)>& damage)
      : nats_(start_on(folder_.path(), end, damage)) {
    fs::copy(original().exported(), export_);
  }

  Words on_log(Words words) const {
    words.insert(words.end(), {"--nats-url", nats_.url()});
    return words;
  }
  Ended verify() const { return run(on_log({"events", "verify"})); }
  // An export goes on with its file, as it does every few minutes.
  Ended go_on_with_export() const { return run(on_log({"events", "export", export_})); }
  bool is_whole() const {
    const auto log = open();
    try {
      return same_commits(all_of(*log), original().commits);
    } catch (const Corrupt&) {
      return false;
    }
  }
  std::unique_ptr<JetStreamLog> open() const {
    return JetStreamLog::connect({.url = nats_.url(), .monitor_url = {}}, 10s);
  }
  const NatsServer& nats() const { return nats_; }
  void restart() {
    nats_.stop();
    nats_.start();
  }

 private:
  static NatsServer::Options start_on(const fs::path& folder, End end,
                                      const std::function<void(const Files&)>& damage) {
    original().copy_to(folder, end);
    damage(Files{folder / "jetstream/$G/streams/SHOP"});
    return {.sync_always = false, .volume = folder};
  }

  TemporaryFolder folder_;
  const fs::path export_ = folder_.path() / "export";
  NatsServer nats_;
};

// `jangbu serve` on a damaged log, with read models of its own that have seen nothing: what it says
// against it, at its start or when it has read the log.
std::string refusal(const Damaged& damaged) {
  static PostgresServer postgres;
  const TemporaryFolder folder;
  const int port = free_port_base();
  const auto process = run_jangbu(
      {"serve", "--port-base", std::to_string(port), "--nats-url", damaged.nats().url(),
       "--nats-monitor-url", damaged.nats().monitor_url(), "--database", postgres.create_database(),
       "--data", folder.path() / "data", "--accept-weak-durability"},
      folder.path() / "log");
  std::string reason;
  wait_until(
      "a refusal",
      [&] {
        if (!process->running()) {
          reason = process->log_text();
          return true;
        }
        try {
          const Json ready = HttpClient(port).get("/health/ready").json;
          if (ready.at("status") == "up") return true;
          const Json& writer = ready.at("checks").at("writer");
          if (writer.at("state") == "halted") reason = writer.at("reason").get<std::string>();
        } catch (const NoReply&) {
        }
        return !reason.empty();
      },
      60s);
  return reason;
}

}  // namespace

TEST_CASE("What is missing or damaged in the log is noticed by verify, and at the start") {
  struct Case {
    const char* what;
    End end;
    std::function<void(const Files&)> damage;
  };
  const auto [what, end, damage] =
      GENERATE(Case{"a bit of a commit in the first block", End::in_order,
                    [](const Files& files) { flip_bit(files.block(1), 1'000'000); }},
               Case{"the same, read through at the start", End::killed,
                    [](const Files& files) { flip_bit(files.block(1), 1'000'000); }},
               Case{"a bit of the last commit", End::in_order,
                    [](const Files& files) {
                      flip_bit(files.last_block(), fs::file_size(files.last_block()) - 100);
                    }},
               Case{"a bit of the last checksum", End::in_order,
                    [](const Files& files) {
                      flip_bit(files.last_block(), fs::file_size(files.last_block()) - 3);
                    }},
               Case{"a bit of the first commit's head", End::in_order,
                    [](const Files& files) { flip_bit(files.block(1), 5); }},
               Case{"a bit of the first commit's length", End::killed,
                    [](const Files& files) { flip_bit(files.block(1), 1); }},
               Case{"the end of the last block", End::in_order,
                    [](const Files& files) { cut_off(files.last_block(), 1'000); }},
               Case{"the end of the first block", End::in_order,
                    [](const Files& files) { cut_off(files.block(1), 1'000); }},
               Case{"the end of the first block, read through", End::killed,
                    [](const Files& files) { cut_off(files.block(1), 1'000); }},
               Case{"all of the last block", End::in_order,
                    [](const Files& files) { fs::resize_file(files.last_block(), 0); }},
               Case{"the first block's file", End::in_order,
                    [](const Files& files) { fs::remove(files.block(1)); }},
               Case{"the first block's file, read through", End::killed,
                    [](const Files& files) { fs::remove(files.block(1)); }},
               Case{"a block's file in the middle", End::in_order,
                    [](const Files& files) { fs::remove(files.block(2)); }},
               Case{"a block's file in the middle, read through", End::killed,
                    [](const Files& files) { fs::remove(files.block(2)); }},
               Case{"the last block's file", End::in_order,
                    [](const Files& files) { fs::remove(files.last_block()); }});
  CAPTURE(what);
  const Damaged damaged(end, damage);
  const Ended verified = damaged.verify();
  CAPTURE(verified.output, verified.errors);
  CHECK(verified.status == 1);
  CHECK_THAT(verified.output, ContainsSubstring("missing"));
  CHECK_THAT(refusal(damaged),
             ContainsSubstring("commits-missing") || ContainsSubstring("missing"));
}

TEST_CASE("What nats-server makes anew from the log's blocks can be damaged without a loss") {
  const auto damage = GENERATE(
      std::function<void(const Files&)>([](const Files& files) { flip_bit(files.index(), 20); }),
      std::function<void(const Files&)>([](const Files& files) { cut_off(files.index(), 10); }),
      std::function<void(const Files&)>([](const Files& files) { fs::remove(files.index()); }),
      std::function<void(const Files&)>([](const Files& files) {
        std::ofstream(files.last_block(), std::ios::app | std::ios::binary) << "half a commit";
      }));
  const Damaged damaged(End::in_order, damage);
  CHECK(damaged.is_whole());
  CHECK(damaged.verify().status == 0);
}

// After a kill -9 nothing but its blocks tells nats-server where the log ended, and a last commit
// that is damaged looks like one whose write was cut short, which nobody was told of. So only who
// has seen more of the log can tell: the read models (tests/e2e), a running writer, an export.
TEST_CASE("A log whose end is gone without a trace is refused by who has seen more of it") {
  const auto damage = GENERATE(
      std::function<void(const Files&)>([](const Files& files) { fs::remove(files.last_block()); }),
      std::function<void(const Files&)>(
          [](const Files& files) { cut_off(files.last_block(), 1'000); }),
      std::function<void(const Files&)>([](const Files& files) {
        flip_bit(files.last_block(), fs::file_size(files.last_block()) - 100);
      }));
  const Damaged damaged(End::killed, damage);
  CHECK(damaged.open()->last().value < original().commits.size());
  CHECK(damaged.verify().status == 0);
  const Ended exported = damaged.go_on_with_export();
  CAPTURE(exported.errors);
  CHECK(exported.status == 1);
}

TEST_CASE("A stream whose own file is damaged is gone, and comes back with its blocks") {
  const char* file = GENERATE("meta.inf", "meta.sum");
  Damaged damaged(End::in_order, [&](const Files& files) { flip_bit(files.stream / file, 7); });
  const Ended verified = damaged.verify();
  CAPTURE(verified.errors);
  CHECK(verified.status == 1);
  CHECK_THAT(verified.errors, ContainsSubstring("stream SHOP: it does not exist"));

  // docs/backup.md, 'When the log is damaged'
  const fs::path stream = damaged.nats().store() / "$G/streams/SHOP";
  fs::remove(stream / "meta.inf");
  fs::remove(stream / "meta.sum");
  damaged.restart();
  const Ended imported =
      run(damaged.on_log({"events", "import", original().exported(), "--nats-monitor-url",
                          damaged.nats().monitor_url(), "--accept-weak-durability"}));
  CAPTURE(imported.errors);
  CHECK(imported.status == 0);
  CHECK(damaged.is_whole());
  damaged.restart();
  CHECK(damaged.is_whole());
}

TEST_CASE("Whatever bit of the log's files is turned, it is noticed or nothing is lost") {
  std::mt19937 random(Catch::getSeed());
  for (int i = 0; i < 20; ++i) {
    const End end = i % 2 == 0 ? End::in_order : End::killed;
    std::string where;
    const Damaged damaged(end, [&](const Files& files) {
      const auto all = files.all();
      const fs::path& file = all[random() % all.size()];
      const auto place = random() % fs::file_size(file);
      const auto bit = static_cast<unsigned>(random() % 8);
      flip_bit(file, place, bit);
      where = file.string() + ", byte " + std::to_string(place) + ", bit " + std::to_string(bit);
    });
    CAPTURE(i, where);
    const bool noticed = damaged.verify().status != 0 || damaged.go_on_with_export().status != 0;
    CHECK((noticed || damaged.is_whole()));
  }
}

TEST_CASE("A damaged log is restored from its export, and the shop opens again") {
  Shop shop;
  Market market(shop);
  Buyers buyers([&] {
    auto options = market.insistent(8);
    options.attempts = 300;
    return options;
  }());
  const auto made = buyers.settle();
  const TemporaryFolder folder;
  const auto file = folder.path() / "shop.ndjson.gz";
  REQUIRE(run({"events", "export", file, "--gzip", "--nats-url", shop.nats.url()}).status == 0);
  const Position exported = read_ledger(shop.nats).end;
  for (int i = 0; i < 30; ++i) buy(shop, "홍길동", "product 0");  // since the last export

  CHECK(shop.jangbu.stop() == 0);
  shop.nats.stop();
  // In an event, not in a message's sequence: see docs/backup.md.
  const auto block = Files{shop.nats.store() / "$G/streams/SHOP"}.block(1);
  std::stringstream bytes;
  bytes << std::ifstream(block, std::ios::binary).rdbuf();
  const std::size_t event = bytes.view().find("PurchaseCompleted");
  REQUIRE(event != std::string::npos);
  flip_bit(block, event);
  shop.nats.start();
  shop.jangbu.launch();
  wait_until("the refusal", [&] {
    try {
      return shop.operations().get("/health/ready").json.at("checks").at("writer").at("state") ==
             "halted";
    } catch (const NoReply&) {
      return !shop.jangbu.running();
    }
  });
  if (shop.jangbu.running()) shop.jangbu.stop();

  // Step by step as docs/backup.md has it, 'When the log is damaged'.
  // What can still be read.
  const Ended rest = run({"events", "export", file, "--gzip", "--nats-url", shop.nats.url()});
  CAPTURE(rest.errors);
  CHECK(rest.status == 0);
  shop.nats.stop();
  fs::rename(shop.nats.store(), folder.path() / "damaged");
  shop.nats.start();
  const Ended imported = run({"events", "import", file, "--nats-url", shop.nats.url(),
                              "--nats-monitor-url", shop.nats.monitor_url()});
  CAPTURE(imported.errors);
  REQUIRE(imported.status == 0);
  CHECK(run({"events", "verify", "--nats-url", shop.nats.url()}).status == 0);

  ServeProcess::Options options = shop.options();
  options.database = shop.postgres.create_database();  // the old one has seen more
  // The damage was before the export's end; what came after it could still be read.
  CHECK(read_ledger(shop.nats).end == Position{exported.value + 30});
  ServeProcess reopened(options);
  CHECK(count_wrong(made, shop.nats) == 0);
  HttpClient purchases = reopened.client(Service::purchase);
  for (const Attempt& attempt : made)
    REQUIRE(purchases.get(at("/purchases/" + attempt.purchase, attempt.position)).status == 200);
  CHECK(reopened.stop() == 0);
}

}  // namespace jangbu::test
