// jangbu events export and import, on real servers: interrupted, gone on with, restored.
#include <signal.h>

#include <catch2/catch_get_random_seed.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <random>

#include "infra/eventlog/jetstream_log.hpp"
#include "tests/cli/logs.hpp"
#include "tests/cli/tool.hpp"
#include "tests/support/nats_server.hpp"
#include "tests/support/tcp_proxy.hpp"

namespace jangbu::test {

using Catch::Matchers::ContainsSubstring;

namespace {

using Words = std::vector<std::string>;

struct Server {
  // Nothing here is about durability: without fsync a large log is made in a moment.
  NatsServer nats{{.sync_always = false}};

  std::unique_ptr<JetStreamLog> open(const std::string& stream) const {
    return JetStreamLog::connect({.url = nats.url(), .stream = stream}, 10s);
  }
  std::unique_ptr<JetStreamLog> fill(const std::string& stream,
                                     const std::vector<Commit>& commits) const {
    auto log = open(stream);
    log->create_stream();
    for (const Commit& commit : commits) append(*log, commit);
    return log;
  }
  Words events(Words arguments) const {
    arguments.insert(arguments.begin(), "events");
    arguments.insert(arguments.end(), {"--nats-url", nats.url()});
    return arguments;
  }
  Ended run(const Words& arguments) const { return test::run(events(arguments)); }
  Ended import(const std::filesystem::path& file, const std::string& stream) const {
    return run(importing(file, stream));
  }
  Words importing(const std::filesystem::path& file, const std::string& stream) const {
    return {"import",
            file,
            "--stream",
            stream,
            "--accept-weak-durability",
            "--nats-monitor-url",
            nats.monitor_url()};
  }
};

Words with(Words words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

}  // namespace

TEST_CASE("an export that is killed at any moment is gone on with, to the same bytes") {
  const Words flags = GENERATE(Words{}, Words{"--gzip"});
  const Server server;
  const auto log = server.fill("SHOP", many_purchases(20'000, 40));
  const TemporaryFolder folder;
  const auto whole = folder.path() / "whole";
  const auto begun = std::chrono::steady_clock::now();
  REQUIRE(server.run(with({"export", whole}, flags)).status == 0);
  const auto takes = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - begun);

  const auto file = folder.path() / "interrupted";
  std::mt19937 random(Catch::getSeed());
  int killed = 0;
  for (;;) {
    Tool tool(server.events(with({"export", file}, flags)));
    const auto until = std::chrono::steady_clock::now() +
                       std::chrono::milliseconds(random() % static_cast<unsigned>(takes.count()));
    wait_until(
        "the moment",
        [&] { return !tool.process().running() || std::chrono::steady_clock::now() > until; },
        takes + 60s);
    if (!tool.process().running()) {
      CHECK(tool.wait().status == 0);
      break;
    }
    const int signal = ++killed % 3 == 0 ? SIGTERM : SIGKILL;
    const int status = tool.stop(signal).status;
    CAPTURE(status);
    // A signal that comes before it is asked for ends the program as it does any other.
    CHECK((status == -SIGKILL || status == 128 + SIGTERM || status == -SIGTERM || status == 0));
    if (killed == 20) {
      CHECK(server.run(with({"export", file}, flags)).status == 0);
      break;
    }
  }
  CHECK((read_text(file) == read_text(whole)));
  CHECK(server.run({"verify", file}).status == 0);
}

TEST_CASE("an import that is killed is gone on with, to the same log") {
  const Server server;
  const auto log = server.fill("SHOP", many_purchases(20'000, 10));
  const TemporaryFolder folder;
  const auto file = folder.path() / "log.gz";
  REQUIRE(server.run({"export", file, "--gzip"}).status == 0);

  for (int killed = 0; killed < 4; ++killed) {
    const auto restored = server.open("RESTORED");
    const auto end = [&] {
      try {
        return restored->last();
      } catch (const std::exception&) {
        return Position{};  // it is not there yet
      }
    };
    const Position before = end();
    Tool tool(server.events(server.importing(file, "RESTORED")));
    wait_until("some commits",
               [&] { return !tool.process().running() || end().value > before.value + 100; });
    tool.stop(SIGKILL);
  }
  const Ended ended = server.import(file, "RESTORED");
  CAPTURE(ended.errors);
  CHECK(ended.status == 0);
  CHECK_THAT(ended.errors, ContainsSubstring("the log ends at position 2001"));
  CHECK(same_commits(all_of(*server.open("RESTORED")), all_of(*log)));
  CHECK_THAT(server.import(file, "RESTORED").errors, ContainsSubstring("imported 0 commits"));
  CHECK(server.run({"verify", "--stream", "RESTORED"}).status == 0);
}

TEST_CASE("a connection that is lost does not end an export or an import") {
  const Server server;
  const auto log = server.fill("SHOP", many_purchases(20'000, 10));
  const TemporaryFolder folder;
  TcpProxy proxy(server.nats.port());
  const std::string url = "nats://127.0.0.1:" + std::to_string(proxy.port());
  const auto file = folder.path() / "log";
  Tool exporting({"events", "export", file, "--nats-url", url});
  wait_until("some of it",
             [&] { return std::filesystem::exists(file) && std::filesystem::file_size(file) > 0; });
  proxy.cut();
  CHECK(exporting.wait().status == 0);

  auto arguments = server.importing(file, "RESTORED");
  arguments.insert(arguments.begin(), "events");
  Tool importing(with(arguments, {"--nats-url", url}));
  const auto restored = server.open("RESTORED");
  wait_until("some of it", [&] {
    try {
      return restored->last().value > 100;
    } catch (const std::exception&) {
      return false;
    }
  });
  proxy.cut();
  CHECK(importing.wait().status == 0);
  CHECK(same_commits(all_of(*restored), all_of(*log)));
}

TEST_CASE("an export goes to standard output, whole or in part") {
  const Server server;
  const auto log = server.fill("SHOP", small_story());
  const TemporaryFolder folder;
  const Ended ended = server.run({"export"});
  CHECK(ended.status == 0);
  CHECK(lines_of(ended.output).size() == 7);
  REQUIRE(server.run({"export", folder.path() / "log"}).status == 0);
  CHECK((read_text(folder.path() / "log") == ended.output));
  CHECK(server.run({"export", "-", "--from", "2", "--to", "3"}).output ==
        ended.output.substr(ended.output.find("{\"specversion\":\"1.0\",\"id\":\"2.0\""),
                            ended.output.find("{\"specversion\":\"1.0\",\"id\":\"4.0\"") -
                                ended.output.find("{\"specversion\":\"1.0\",\"id\":\"2.0\"")));
}

TEST_CASE("what cannot be imported is told, and the stream stays as it was") {
  const Server server;
  server.fill("SHOP", small_story());
  const TemporaryFolder folder;
  const auto file = folder.path() / "log";
  REQUIRE(server.run({"export", file}).status == 0);

  Ended ended = server.import(folder.path() / "missing", "RESTORED");
  CHECK(ended.status == 1);
  CHECK_THAT(ended.errors, ContainsSubstring("cannot read"));

  ended = server.import(file, "SHOP");
  CHECK(ended.status == 0);
  server.fill("OTHER", small_story());
  ended = server.import(file, "OTHER");
  CHECK(ended.status == 1);
  CHECK_THAT(ended.errors, ContainsSubstring("the stream has commits that are not the file's"));

  std::string text = read_text(file);
  write_text(file, "x" + text);
  ended = server.import(file, "RESTORED");
  CHECK(ended.status == 1);
  CHECK(lines_of(ended.errors).size() == 1);
  CHECK_THAT(ended.errors, ContainsSubstring("line 1 ") && ContainsSubstring("0 commits"));
  CHECK_THROWS(server.open("RESTORED")->last());

  write_text(file, text.substr(0, text.size() - 10));
  ended = server.import(file, "RESTORED");
  CHECK(ended.status == 1);
  CHECK_THAT(ended.errors, ContainsSubstring("the file ends in the middle of line 7") &&
                               ContainsSubstring("3 commits before it were imported"));
  CHECK(server.open("RESTORED")->last() == Position{3});

  ended = server.run({"verify", file});
  CHECK(ended.status == 1);
  CHECK_THAT(ended.output, ContainsSubstring("problem: the file ends in the middle of line 7"));
}

TEST_CASE("a server that acknowledges before its disk does is not imported into, unless told to") {
  const Server server;
  server.fill("SHOP", small_story());
  const TemporaryFolder folder;
  const auto file = folder.path() / "log";
  REQUIRE(server.run({"export", file}).status == 0);
  const Ended ended = server.run(
      {"import", file, "--stream", "RESTORED", "--nats-monitor-url", server.nats.monitor_url()});
  CHECK(ended.status == 1);
  CHECK_THAT(ended.errors, ContainsSubstring("fsync-not-always"));
  CHECK_THROWS(server.open("RESTORED")->last());
}

}  // namespace jangbu::test
