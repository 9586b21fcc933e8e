// jangbu events list, show, tail, verify and stats, on a log with known content.
#include <signal.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <nlohmann/json.hpp>

#include "infra/eventlog/jetstream_log.hpp"
#include "tests/cli/logs.hpp"
#include "tests/cli/tool.hpp"
#include "tests/support/claims.hpp"
#include "tests/support/nats_server.hpp"
#include "tests/support/samples.hpp"
#include "tests/support/tcp_proxy.hpp"

namespace jangbu::test {

using Catch::Matchers::ContainsSubstring;
using nlohmann::json;

namespace {

using Words = std::vector<std::string>;

// A server with the small story in its stream.
struct Story {
  NatsServer nats;
  std::unique_ptr<JetStreamLog> log = JetStreamLog::connect({.url = nats.url()}, 10s);

  Story() {
    log->create_stream();
    for (const Commit& commit : small_story()) append(*log, commit);
  }

  Words events(Words arguments) const {
    arguments.insert(arguments.begin(), "events");
    arguments.insert(arguments.end(), {"--nats-url", nats.url()});
    return arguments;
  }
  Ended run(const Words& arguments) const { return test::run(events(arguments)); }
};

// The ids of the events in a table, or in lines of JSON.
Words ids(const std::string& output) {
  Words found;
  for (const std::string& line : lines_of(output))
    found.push_back(line.starts_with('{') ? json::parse(line).at("id").get<std::string>()
                                          : line.substr(0, line.find(' ')));
  return found;
}

}  // namespace

TEST_CASE("events are listed, all or those that are asked for") {
  const Story story;
  const auto listed = [&](Words flags) {
    flags.insert(flags.begin(), "list");
    const Ended ended = story.run(flags);
    CAPTURE(flags, ended.errors);
    CHECK(ended.status == 0);
    CHECK(ended.errors.empty());
    return ids(ended.output);
  };
  CHECK(listed({}) == Words{"1.0", "1.1", "1.2", "2.0", "3.0", "3.1", "4.0"});
  CHECK(listed({"--json"}) == Words{"1.0", "1.1", "1.2", "2.0", "3.0", "3.1", "4.0"});
  CHECK(listed({"--type", "AccountOpened"}) == Words{"1.0", "1.1"});
  CHECK(listed({"--type", "AccountOpened", "--type", "PurchaseCompleted"}) ==
        Words{"1.0", "1.1", "2.0"});
  CHECK(listed({"--entity", to_string(first_purchase)}) == Words{"2.0", "3.0", "3.1", "4.0"});
  CHECK(listed({"--from", "2"}) == Words{"2.0", "3.0", "3.1", "4.0"});
  CHECK(listed({"--from", "1.2", "--to", "3.0"}) == Words{"1.2", "2.0", "3.0"});
  CHECK(listed({"--to", "1"}) == Words{"1.0", "1.1", "1.2"});
  CHECK(listed({"--limit", "2"}) == Words{"1.0", "1.1"});
  CHECK(listed({"--since", "2026-03-01T09:33:00Z"}) == Words{"2.0", "3.0", "3.1", "4.0"});
  CHECK(listed({"--since", "2026-03-01T18:33:00.001+09:00"}) == Words{"3.0", "3.1", "4.0"});
  CHECK(listed({"--until", "2026-03-01T09:33:00Z"}) == Words{"1.0", "1.1", "1.2", "2.0"});
  CHECK(listed({"--since", "2026-03-01T09:31:00Z", "--until", "2026-03-01T09:36:00Z", "--type",
                "DeliveryScanned"}) == Words{"3.0", "3.1"});
  CHECK(listed({"--since", "2030-01-01T00:00:00Z"}).empty());
  CHECK(listed({"--until", "2020-01-01T00:00:00Z"}).empty());
  CHECK(listed({"--from", "5"}).empty());

  const auto source = [&](const Words& more) {
    Words arguments{"list", "--json", "--limit", "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return json::parse(story.run(arguments).output).at("source");
  };
  CHECK(source({}) == "/jangbu/shop");
  CHECK(source({"--shop", "Seoul_2"}) == "/jangbu/Seoul_2");
}

TEST_CASE("a line tells when, what and about whom") {
  const Story story;
  CHECK(lines_of(story.run({"list", "--from", "2", "--limit", "1"}).output).front() ==
        "2.0          2026-03-01T09:33:00.000Z PurchaseCompleted     purchase/" +
            to_string(first_purchase));
  const json event = json::parse(story.run({"list", "--json", "--limit", "1"}).output);
  CHECK(event.at("specversion") == "1.0");
  CHECK(event.at("data").at("name") == "홍길동");
}

TEST_CASE("names that were taken before names were checked steer no terminal") {
  const Story story;
  AccountState owner = alice;
  owner.account = id<AccountId>(77);
  owner.person.name = "gnp.\u202Eexe\x1b[2J\u009b1m\u200B\x7f";
  append(*story.log,
         {after_minutes(24 * 60),
          {{{after_minutes(0), {}, "corr\x1b[2J\nevent 9.9", "", ""}, AccountOpened{owner}}}});
  for (const Words& words :
       {Words{"list", "--from", "5"}, Words{"list", "--from", "5", "--json"}, Words{"show", "5"},
        Words{"show", "5", "--json"}, Words{"show", "5.0"}}) {
    const Ended ended = story.run(words);
    CAPTURE(words, ended.output);
    CHECK(ended.status == 0);
    for (const char* steers : {"\x1b", "\u009b", "\u202e", "\u200b", "\x7f", "\nevent 9.9"})
      CHECK(ended.output.find(steers) == std::string::npos);
  }
  CHECK_THAT(story.run({"show", "5"}).output,
             ContainsSubstring("gnp.\\u202eexe\\u001b[2J\\u009b1m\\u200b\\u007f"));
  const json event = json::parse(story.run({"list", "--from", "5", "--json"}).output);
  CHECK(event.at("data").at("name") == owner.person.name);
}

TEST_CASE("a commit is shown, or one event of it") {
  const Story story;
  const StoredCommit third = *story.log->read({3});
  Ended ended = story.run({"show", "3"});
  CHECK(ended.status == 0);
  CHECK_THAT(ended.output, ContainsSubstring(to_string(third.id)) &&
                               ContainsSubstring("2026-03-01T09:36:00.000Z") &&
                               ContainsSubstring("event 3.0") && ContainsSubstring("event 3.1") &&
                               ContainsSubstring("DeliveryScanned version 2") &&
                               ContainsSubstring("\"status\":\"in-transit\""));
  ended = story.run({"show", "3.1"});
  CHECK(ended.output.find("event 3.0") == std::string::npos);
  CHECK_THAT(ended.output, ContainsSubstring("event 3.1"));

  const json commit = json::parse(story.run({"show", "3", "--json"}).output);
  CHECK(commit.at("position") == 3);
  CHECK(commit.at("commitId") == to_string(third.id));
  CHECK(commit.at("format") == 1);
  CHECK(commit.at("bytes") == third.payload.size());
  CHECK(commit.at("committedAt") == "2026-03-01T09:36:00.000Z");
  REQUIRE(commit.at("events").size() == 2);
  CHECK(commit.at("events").at(1).at("storedVersion") == 2);
  CHECK(commit.at("events").at(1).at("event").at("id") == "3.1");

  ended = story.run({"show", "5"});
  CHECK(ended.status == 1);
  CHECK(ended.errors == "jangbu: there is no commit 5: the log ends at 4\n");
  ended = story.run({"show", "3.2"});
  CHECK(ended.status == 1);
  CHECK(ended.errors == "jangbu: there is no event 3.2: its commit has 2\n");
}

TEST_CASE("claims, hand-overs and void commits are listed and shown, and verified") {
  const Story story;
  append_claim(*story.log, seoul, after_minutes(2'000));
  append_hand_over(*story.log, seoul, busan, after_minutes(2'000));
  append_void(*story.log, busan, encode_commit(small_story().front()));
  append_from(*story.log, seoul, Commit{after_minutes(2'000), {{{}, AddressChanged{alice}}}});

  const std::string time = "2026-03-02T18:50:00.000Z ";
  CHECK(lines_of(story.run({"list", "--from", "5", "--limit", "3"}).output) ==
        Words{"5.0          " + time + "WriterClaimed         seoul " + to_string(seoul.id),
              "6.0          " + time + "WriterHandedOver      seoul " + to_string(seoul.id) +
                  " to " + to_string(busan.id),
              "7.0          " + std::string(time.size(), ' ') + "CommitVoid            busan.2 " +
                  to_string(busan.id)});
  CHECK(ids(story.run({"list", "--type", "WriterClaimed", "--type", "AddressChanged"}).output) ==
        Words{"5.0", "8.0"});
  CHECK(ids(story.run({"list", "--since", "2026-03-02T18:50:00Z"}).output) ==
        Words{"5.0", "6.0", "7.0", "8.0"});
  const auto lines = lines_of(story.run({"list", "--from", "6", "--json"}).output);
  REQUIRE(lines.size() == 3);
  CHECK(json::parse(lines[0]).at("type") == "WriterHandedOver");
  CHECK(json::parse(lines[0]).at("commitsuccessor") == to_string(busan.id));
  CHECK(json::parse(lines[2]).at("commitauthor") == to_string(seoul));

  CHECK_THAT(story.run({"show", "6"}).output,
             ContainsSubstring("author        seoul, " + to_string(seoul.id)) &&
                 ContainsSubstring("successor     " + to_string(busan.id)) &&
                 ContainsSubstring("decided at    5\n"));
  const Ended shown = story.run({"show", "7"});
  CHECK(shown.status == 0);
  CHECK_THAT(shown.output,
             ContainsSubstring("void          yes") && ContainsSubstring("AccountOpened version"));
  const json of_void = json::parse(story.run({"show", "7", "--json"}).output);
  CHECK(of_void.at("void") == true);
  CHECK(of_void.at("decidedAt") == 11);
  CHECK(of_void.at("author").at("name") == "busan.2");
  CHECK(of_void.at("events").size() == 3);

  Ended verified = story.run({"verify"});
  CHECK(verified.status == 1);
  CHECK_THAT(verified.output, ContainsSubstring("2 commits without events") &&
                                  ContainsSubstring("void: commit 7 was decided at 11"));
  CHECK_THAT(verified.errors,
             ContainsSubstring("commit 7 is void") && ContainsSubstring("--accept-void 7"));
  CHECK(story.run({"verify", "--accept-void", "6"}).status == 1);
  verified = story.run({"verify", "--accept-void", "7"});
  CHECK(verified.status == 0);
  CHECK_THAT(verified.output, ContainsSubstring("no problems"));
  // A new build can be deployed all the same.
  CHECK(story.run({"check", "--log-only"}).status == 0);
  CHECK(json::parse(story.run({"check", "--log-only", "--json"}).output).at("void") ==
        json::array({7}));
}

TEST_CASE("a commit that cannot be read is shown as far as it can be") {
  const Story story;
  append(*story.log, std::string("garbage"));
  const Ended ended = story.run({"show", "5"});
  CHECK(ended.status == 1);
  CHECK_THAT(ended.output, ContainsSubstring("commit 5") && ContainsSubstring("7 bytes"));
  CHECK_THAT(ended.errors, ContainsSubstring("event 5.0 cannot be read"));
}

TEST_CASE("the log's end is followed until a signal, through a lost connection") {
  const Story story;
  TcpProxy proxy(story.nats.port());
  const std::string url = "nats://127.0.0.1:" + std::to_string(proxy.port());
  for (const int signal : {SIGINT, SIGTERM}) {
    Tool tail({"events", "tail", "-n", "2", "--nats-url", url});
    wait_until("the last events", [&] { return lines_of(tail.output()).size() == 2; });
    CHECK(ids(tail.output()) == Words{"3.1", "4.0"});
    const Ended ended = tail.stop(signal);
    CHECK(ended.status == 0);
    CHECK(ended.errors.empty());
  }
  Tool tail({"events", "tail", "-n", "1", "--type", "ProductListed", "--type", "AccountClosed",
             "--nats-url", url});
  Tool from({"events", "tail", "--from", "4", "--json", "--nats-url", url});
  for (const Tool* tool : {&tail, &from})
    wait_until("the first event", [&] { return lines_of(tool->output()).size() == 1; });
  append(*story.log, {after_minutes(2'000), {{{}, AccountClosed{alice, opening}}}});
  wait_until("the next event", [&] { return lines_of(from.output()).size() == 2; });
  proxy.cut();
  append(*story.log, {after_minutes(2'000), {{{}, AccountClosed{hong, opening}}}});
  wait_until("the event after a lost connection",
             [&] { return lines_of(from.output()).size() == 3; });
  CHECK(ids(from.output()) == Words{"4.0", "5.0", "6.0"});
  wait_until("the same events", [&] { return lines_of(tail.output()).size() == 3; });
  CHECK(ids(tail.output()) == Words{"1.2", "5.0", "6.0"});
}

TEST_CASE("the last events that match are found however far back they are") {
  const Story story;
  for (unsigned i = 0; i < 200; ++i)
    append(*story.log, {after_minutes(2'000), {{{}, AddressChanged{alice}}}});
  Tool tail(story.events(
      {"tail", "-n", "3", "--type", "DeliveryScanned", "--type", "PurchaseCompleted"}));
  wait_until("three events", [&] { return lines_of(tail.output()).size() == 3; });
  CHECK(ids(tail.output()) == Words{"2.0", "3.0", "3.1"});
}

TEST_CASE("a log is verified, and what is wrong with it is told") {
  const Story story;
  Ended ended = story.run({"verify"});
  CHECK(ended.status == 0);
  CHECK_THAT(ended.output, ContainsSubstring("4 commits, 7 events") &&
                               ContainsSubstring("first  commit 1, 2026-03-01T09:30:00.000Z") &&
                               ContainsSubstring("no problems"));
  append(*story.log, std::string("garbage"));
  append(*story.log, {after_minutes(1), {{{}, AccountOpened{hong}}}});
  ended = story.run({"verify"});
  CHECK(ended.status == 1);
  CHECK_THAT(ended.output, ContainsSubstring("problem: commit 5: event 5.0 cannot be read") &&
                               ContainsSubstring("problem: commit 6: its time") &&
                               ContainsSubstring("up to commit 4 only"));
  CHECK(ended.errors == "jangbu: 2 problems were found\n");
}

TEST_CASE("a log has statistics") {
  const Story story;
  const Ended ended = story.run({"stats", "--json"});
  CHECK(ended.status == 0);
  const json stats = json::parse(ended.output);
  CHECK(stats.at("events") == 7);
  CHECK(stats.at("byType").at("DeliveryScanned") == 2);
  CHECK(json::parse(story.run({"stats", "--json", "--since", "2026-03-02T00:00:00Z"}).output)
            .at("events") == 1);
  CHECK_THAT(story.run({"stats"}).output, ContainsSubstring("4 commits, 7 events"));
}

TEST_CASE("wrong usage of the tools ends with status 2 and says what is right") {
  for (const auto& [arguments, help] : std::vector<std::pair<Words, std::string>>{
           {{"events"}, "subcommand"},
           {{"events", "lits"}, "subcommand"},
           {{"events", "list", "--type", "Purchase"}, "Use one of: AccountOpened, "},
           {{"events", "list", "--from", "first"}, "such as 42 or 42.1"},
           {{"events", "list", "--to", "1."}, "such as 42 or 42.1"},
           {{"events", "list", "--entity", "42"}, "a UUID"},
           {{"events", "list", "--since", "yesterday"}, "2026-03-01T09:30:00Z"},
           {{"events", "list", "--limit", "0"}, "--limit"},
           {{"events", "list", "--stream", "two.words"}, "--stream"},
           {{"events", "list", "--shop", "two.words"}, "letters, digits"},
           {{"events", "show"}, "PLACE"},
           {{"events", "show", "x"}, "such as 42 or 42.1"},
           {{"events", "tail", "-n", "-1"}, "--last"},
           {{"events", "export", "--from", "1.1"}, "position of a commit"},
           {{"events", "import"}, "FILE"},
           {{"events", "verify", "one", "two"}, "two"}}) {
    const Ended ended = run(arguments);
    CAPTURE(arguments, ended.errors);
    CHECK(ended.status == 2);
    CHECK(ended.output.empty());
    CHECK_THAT(ended.errors, ContainsSubstring(help));
  }
  for (const char* tool : {"list", "show", "tail", "export", "import", "verify", "stats"}) {
    const Ended ended = run({"events", tool, "--help"});
    CAPTURE(tool);
    CHECK(ended.status == 0);
    CHECK_THAT(ended.output, ContainsSubstring(std::string("  jangbu events ") + tool) &&
                                 ContainsSubstring("JANGBU_NATS_URL"));
  }
}

TEST_CASE("a stream that is not there is told of, and not created") {
  const NatsServer nats;
  for (const Words& tool :
       std::vector<Words>{{"list"}, {"show", "1"}, {"tail"}, {"export"}, {"verify"}, {"stats"}}) {
    Words arguments{"events"};
    arguments.insert(arguments.end(), tool.begin(), tool.end());
    arguments.insert(arguments.end(), {"--nats-url", nats.url()});
    const Ended ended = run(arguments);
    CAPTURE(tool, ended.errors);
    CHECK(ended.status == 1);
    CHECK(ended.output.empty());
    CHECK(lines_of(ended.errors).size() == 1);
    CHECK_THAT(ended.errors, ContainsSubstring("jangbu: stream SHOP: it does not exist") &&
                                 ContainsSubstring("--stream (JANGBU_STREAM)"));
  }
  const Ended away = run({"events", "list", "--nats-url", "nats://127.0.0.1:1"});
  CHECK(away.status == 1);
  CHECK(lines_of(away.errors).size() == 1);
  CHECK_THAT(away.errors, ContainsSubstring("no NATS server at nats://127.0.0.1:1"));
}

}  // namespace jangbu::test
