// The log's side of the start-up gate: every refusal, and that a refusal changes nothing.

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "infra/eventlog/jetstream_gate.hpp"
#include "infra/eventlog/nats_connection.hpp"
#include "tests/contract/logs.hpp"

namespace jangbu::test {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using Code = GateFinding::Code;
using Weight = GateFinding::Weight;
using nlohmann::json;

// A log's findings on a server, and the server's own view of its streams.
class Gate {
 public:
  explicit Gate(NatsServer::Options options = {})
      : server(std::move(options)), admin(server.url(), "test", 10s) {}

  JetStreamOptions log_options() const {
    return {.url = server.url(), .monitor_url = server.monitor_url()};
  }
  std::vector<GateFinding> inspect() const { return inspect(log_options()); }
  std::vector<GateFinding> inspect(const JetStreamOptions& options) const {
    return JetStreamLog::connect(options, 10s)->inspect();
  }

  json call(const std::string& what, const json& body = nullptr) {
    return json::parse(payload(
        *admin.request("$JS.API." + what, body.is_null() ? std::string() : body.dump(), 10s)));
  }
  // The stream as we would make it, with other settings.
  void create_with(const json& settings = json::object()) {
    json config = stream_config({}, "shop.commits");
    config.update(settings);
    const json answer = call("STREAM.CREATE.SHOP", config);
    REQUIRE_FALSE(answer.contains("error"));
  }
  // What the server says of the stream, without its clock.
  json stream() {
    json info = call("STREAM.INFO.SHOP");
    info.erase("ts");
    return info;
  }

  NatsServer server;
  NatsConnection admin;
};

std::vector<Code> codes(const std::vector<GateFinding>& findings) {
  std::vector<Code> result;
  for (const auto& finding : findings) result.push_back(finding.code);
  return result;
}

// The only finding there is.
GateFinding only(const std::vector<GateFinding>& findings, Code code) {
  REQUIRE(codes(findings) == std::vector{code});
  return findings.front();
}

TEST_CASE("a good server has nothing against it, with and without a stream", "[contract][gate]") {
  Gate gate;
  const auto log = JetStreamLog::connect(gate.log_options(), 10s);
  CHECK(log->inspect().empty());
  CHECK(gate.stream().contains("error"));  // looking creates nothing

  log->create_stream();
  CHECK(log->inspect().empty());
  const json config = gate.stream().at("config");
  CHECK(config.at("subjects") == json{"shop.commits"});
  CHECK(config.at("storage") == "file");
  CHECK(config.at("discard") == "new");
  CHECK(config.at("deny_delete") == true);
  CHECK(config.at("deny_purge") == true);
  CHECK(config.at("allow_direct") == true);

  append_next(*log, commit_id(1), "x");
  CHECK(log->inspect().empty());
  const json before = gate.stream();
  log->create_stream();
  CHECK(gate.stream() == before);
}

TEST_CASE("fsync after the acknowledgement is weak durability", "[contract][gate]") {
  Gate gate({.sync_always = false});
  const auto finding = only(gate.inspect(), Code::fsync_not_always);
  CHECK(finding.weight == Weight::weak_durability);
  CHECK_THAT(finding.text, ContainsSubstring("sync_interval: always"));
}

TEST_CASE("durability that cannot be told is weak", "[contract][gate]") {
  Gate gate;
  NatsServer other;
  const std::string nobody = "http://127.0.0.1:" + std::to_string(free_port_base());
  const std::string not_monitoring = "http://127.0.0.1:" + std::to_string(gate.server.port());
  for (const auto& url :
       {std::string(), nobody, not_monitoring, other.monitor_url(),
        gate.server.monitor_url() + "/no/such/page", std::string("file:///etc")}) {
    CAPTURE(url);
    auto options = gate.log_options();
    options.monitor_url = url;
    CHECK(only(gate.inspect(options), Code::monitor_unreachable).weight == Weight::weak_durability);
  }
}

TEST_CASE("a server without JetStream is refused", "[contract][gate]") {
  Gate gate({.jetstream = false});
  const auto finding = only(gate.inspect(), Code::jetstream_off);
  CHECK(finding.weight == Weight::fatal);
  auto options = gate.log_options();
  options.monitor_url.clear();
  CHECK(codes(gate.inspect(options)) ==
        std::vector{Code::monitor_unreachable, Code::jetstream_off});
}

TEST_CASE("an account without JetStream is refused", "[contract][gate]") {
  Gate gate({.extra = "accounts {\n"
                      "  SHOP { users: [ { user: shop, password: pw } ] }\n"
                      "  LAB { jetstream: enabled, users: [ { user: lab, password: pw } ] }\n"
                      "}\n"
                      "no_auth_user: lab"});
  auto options = gate.log_options();
  options.url = "nats://shop:pw@127.0.0.1:" + std::to_string(gate.server.port());
  only(gate.inspect(options), Code::jetstream_off);
}

TEST_CASE("a server that takes small messages only is refused", "[contract][gate]") {
  Gate gate({.extra = "max_payload: 64KB"});
  CHECK_THAT(only(gate.inspect(), Code::payload_too_small).text, ContainsSubstring("65536"));
}

TEST_CASE("a stream that was created differently is refused and left as it is",
          "[contract][gate]") {
  struct Case {
    json settings;
    const char* says;
  };
  const auto [settings, says] = GENERATE(
      Case{{{"discard", "old"}}, R"(discard is "old", must be "new")"},
      Case{{{"max_age", 3'600'000'000'000}}, "max_age is 3600000000000, must be 0"},
      Case{{{"max_msgs", 1'000'000}}, "max_msgs is 1000000, must be -1"},
      Case{{{"storage", "memory"}}, R"(storage is "memory", must be "file")"},
      Case{{{"retention", "interest"}}, R"(retention is "interest", must be "limits")"},
      Case{{{"subjects", {"shop.>"}}}, R"(subjects is ["shop.>"], must be ["shop.commits"])"},
      Case{{{"deny_delete", false}}, "deny_delete is false, must be true"},
      Case{{{"persist_mode", "async"}, {"allow_direct", false}},
           R"(persist_mode is "async", must be off)"},
      Case{{{"allow_rollup_hdrs", true}, {"deny_purge", false}}, "allow_rollup_hdrs is true"});
  Gate gate;
  gate.create_with(settings);
  const json before = gate.stream();
  const auto finding = only(gate.inspect(), Code::stream_differs);
  CHECK(finding.weight == Weight::fatal);
  CHECK_THAT(finding.text, ContainsSubstring(says));
  CHECK(gate.stream() == before);
}

TEST_CASE("what an operator may choose for a stream is not a difference", "[contract][gate]") {
  Gate gate;
  gate.create_with({{"description", "the ledger"}, {"duplicate_window", 60'000'000'000}});
  CHECK(gate.inspect().empty());
}

TEST_CASE("a subject that another stream has is refused", "[contract][gate]") {
  Gate gate;
  gate.call("STREAM.CREATE.OTHER", {{"name", "OTHER"}, {"subjects", {"shop.>"}}});
  CHECK_THAT(only(gate.inspect(), Code::subject_taken).text, ContainsSubstring("OTHER"));
  CHECK_THROWS_MATCHES(JetStreamLog::connect(gate.log_options(), 10s)->create_stream(), Corrupt,
                       MessageMatches(ContainsSubstring("cannot be created")));
}

TEST_CASE("a stream that another instance makes meanwhile is not another stream",
          "[contract][gate]") {
  Gate gate;
  // Made once the gate has looked for it, about when it asks who has the subject.
  const NatsConnection::Subscription looked(
      gate.admin, "$JS.API.STREAM.INFO.*", [&](NatsMessage message) {
        const std::string subject = natsMsg_GetSubject(message.get());
        const std::string name = subject.substr(subject.rfind('.') + 1);
        gate.admin.publish("$JS.API.STREAM.CREATE." + name,
                           stream_config({.stream = name}, name + ".commits").dump());
      });
  for (int i = 0; i < 200; ++i) {
    JetStreamOptions options = gate.log_options();
    options.stream = std::to_string(i);
    CHECK(gate.inspect(options).empty());
  }
}

TEST_CASE("a stream that someone else writes to is refused and left as it is", "[contract][gate]") {
  Gate gate;
  gate.create_with();
  gate.admin.request("shop.commits", "not a commit", 10s);
  const json before = gate.stream();
  CHECK_THAT(only(gate.inspect(), Code::foreign_messages).text,
             ContainsSubstring("Jangbu-Commit-Id"));
  CHECK(gate.stream() == before);
}

TEST_CASE("a stream with a hole is refused", "[contract][gate]") {
  Gate gate;
  gate.create_with({{"deny_delete", false}});
  const auto log = JetStreamLog::connect(gate.log_options(), 10s);
  for (unsigned i = 1; i <= 3; ++i) append_next(*log, commit_id(i), "x");
  REQUIRE(gate.call("STREAM.MSG.DELETE.SHOP", {{"seq", 2}}).at("success") == true);
  CHECK(codes(gate.inspect()) == std::vector{Code::stream_differs, Code::commits_missing});
}

TEST_CASE("a log whose first or last commit cannot be read is refused, and its reader says which",
          "[contract][gate]") {
  Gate gate;
  {
    const auto log = JetStreamLog::connect(gate.log_options(), 10s);
    log->create_stream();
    for (unsigned i = 1; i <= 3; ++i)
      append_next(*log, commit_id(i), "payload " + std::to_string(i));
  }
  const auto damaged = GENERATE(1, 3);
  gate.server.stop();
  const auto file = gate.server.store() / "$G/streams/SHOP/msgs/1.blk";
  std::fstream block(file, std::ios::in | std::ios::out | std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(block), {}};
  const auto place = text.find("payload " + std::to_string(damaged));
  REQUIRE(place != std::string::npos);
  block.seekp(static_cast<std::streamoff>(place));
  block.put('P');
  block.close();
  gate.server.start();

  const auto log = JetStreamLog::connect(gate.log_options(), 10s);
  REQUIRE(log->last() == Position{3});
  CHECK_THAT(only(log->inspect(), Code::commits_missing).text,
             ContainsSubstring("a message " + std::to_string(damaged) + " "));
  const auto reader = log->read_from({1});
  CHECK_THROWS_MATCHES(
      read_commits(*reader, 3), Corrupt,
      MessageMatches(ContainsSubstring("commit " + std::to_string(damaged) + " is missing")));
}

TEST_CASE("more replicas than servers cannot be had", "[contract][gate]") {
  Gate gate;
  auto options = gate.log_options();
  options.replicas = 3;
  const auto log = JetStreamLog::connect(options, 10s);
  CHECK_THROWS_MATCHES(log->create_stream(), std::runtime_error,
                       MessageMatches(ContainsSubstring("cannot be created")));
  CHECK(gate.stream().contains("error"));
}

TEST_CASE("versions are compared as numbers", "[gate][unit]") {
  CHECK(version_at_least("2.14.5", "2.14.5"));
  CHECK(version_at_least("2.14.10", "2.14.5"));
  CHECK(version_at_least("2.15.1", "2.14.5"));
  CHECK(version_at_least("3.0.0", "2.14.5"));
  CHECK(version_at_least("2.15.0-RC.1", "2.14.5"));
  CHECK_FALSE(version_at_least("2.14.5-RC.1", "2.14.5"));
  CHECK_FALSE(version_at_least("2.14.4", "2.14.5"));
  CHECK_FALSE(version_at_least("2.9.10", "2.14.5"));
  CHECK_FALSE(version_at_least("1.99.99", "2.14.5"));
  for (const auto* text : {"", "2", "2.14", "2.14.", "latest", "v2.15.1", ".2.15.1"}) {
    CAPTURE(text);
    CHECK_FALSE(version_at_least(text, "2.14.5"));
  }
}

TEST_CASE("an old server is weak durability, whatever else is wrong with it", "[gate][unit]") {
  const auto varz = [](const char* version, const json& jetstream) {
    return json{{"version", version}, {"jetstream", jetstream}};
  };
  const json always = {{"config", {{"sync_always", true}}}};
  const json later = {{"config", {{"sync_interval", 120'000'000'000}}}};
  CHECK(judge_server(varz("2.15.1", always)).empty());
  const auto old = only(judge_server(varz("2.10.27", always)), Code::server_too_old);
  CHECK(old.weight == Weight::weak_durability);
  CHECK_THAT(old.text, ContainsSubstring("2.10.27") && ContainsSubstring("2.14.5"));
  CHECK(codes(judge_server(varz("2.9.10", later))) ==
        std::vector{Code::server_too_old, Code::fsync_not_always});
  CHECK(codes(judge_server(varz("2.15.1", json::object()))) == std::vector{Code::jetstream_off});
  CHECK(codes(judge_server(json::object())) ==
        std::vector{Code::server_too_old, Code::jetstream_off});
}

// What /varz of a server of a cluster of three says.
Monitored member(const std::string& name, bool sync_always = true) {
  return {
      .url = "http://" + name,
      .varz = {{"server_id", "ID-" + name},
               {"server_name", name},
               {"version", "2.15.1"},
               {"cluster", {{"name", "shop"}}},
               {"jetstream",
                {{"config", {{"sync_always", sync_always}}}, {"meta", {{"cluster_size", 3}}}}}}};
}
Monitored silent(const std::string& name) {
  return {.url = "http://" + name, .varz = nullptr, .why = "nobody there"};
}

const std::vector<std::string> all_three{"n1", "n2", "n3"};

TEST_CASE("every server that keeps the log is judged, by its name", "[gate][unit]") {
  CHECK(judge_servers({member("n1"), member("n2"), member("n3")}, "ID-n2", all_three).empty());
  const auto finding =
      only(judge_servers({member("n1"), member("n2", false), member("n3")}, "ID-n1", all_three),
           Code::fsync_not_always);
  CHECK(finding.weight == Weight::weak_durability);
  CHECK_THAT(finding.text, ContainsSubstring("The NATS server n2 acknowledges before fsync"));
}

TEST_CASE("a server that keeps the log and is not asked is weak durability", "[gate][unit]") {
  for (const auto& asked : {std::vector{member("n1")}, std::vector{member("n1"), member("n2")},
                            std::vector{member("n1"), silent("n2")}}) {
    const auto findings = judge_servers(asked, "ID-n1", all_three);
    REQUIRE_FALSE(findings.empty());
    CHECK(findings.front().code == Code::server_not_asked);
    CHECK(findings.front().weight == Weight::weak_durability);
    CHECK_THAT(findings.front().text,
               ContainsSubstring("also kept by n3") && ContainsSubstring("--nats-monitor-url"));
  }
  // A stream on one server needs no other.
  CHECK(judge_servers({member("n1")}, "ID-n1", {"n1"}).empty());
}

TEST_CASE("a log that is to be made needs the word of every server", "[gate][unit]") {
  CHECK(judge_servers({member("n1"), member("n2"), member("n3")}, "ID-n1", {}).empty());
  CHECK_THAT(
      only(judge_servers({member("n1"), member("n2")}, "ID-n1", {}), Code::server_not_asked).text,
      ContainsSubstring("the cluster has 3 servers"));
  CHECK(only(judge_servers({member("n1"), member("n2"), silent("n3")}, "ID-n1", {}),
             Code::monitor_unreachable)
            .weight == Weight::weak_durability);
}

TEST_CASE("a server that is away is a warning while the others are a majority", "[gate][unit]") {
  const auto finding =
      only(judge_servers({member("n1"), silent("n2"), member("n3")}, "ID-n1", all_three),
           Code::server_away);
  CHECK(finding.weight == Weight::warning);
  CHECK_THAT(finding.text, ContainsSubstring("http://n2"));

  CHECK(codes(judge_servers({member("n1"), silent("n2"), silent("n3")}, "ID-n1", all_three)) ==
        std::vector{Code::monitor_unreachable, Code::monitor_unreachable});
  // The one that we are connected to does not say what it is.
  CHECK(codes(judge_servers({silent("n1"), member("n2"), member("n3")}, "ID-n1", all_three)) ==
        std::vector{Code::monitor_unreachable});
}

TEST_CASE("servers of another cluster do not vouch, whatever they are called", "[gate][unit]") {
  CHECK_THAT(only(judge_servers({member("n1"), member("n2"), member("n3")}, "ID-other", all_three),
                  Code::monitor_unreachable)
                 .text,
             ContainsSubstring("belong to others than the one at the NATS URL"));
}

TEST_CASE("a stream's name is one that JetStream takes", "[gate][unit]") {
  CHECK(JetStreamLog::is_stream_name("SHOP"));
  CHECK(JetStreamLog::is_stream_name("shop_2-b"));
  for (const auto* name : {"", "a.b", "a b", "*", ">", "상점", "a/b", "a\n"}) {
    CAPTURE(name);
    CHECK_FALSE(JetStreamLog::is_stream_name(name));
  }
  CHECK_FALSE(JetStreamLog::is_stream_name(std::string(65, 'a')));
}

}  // namespace
}  // namespace jangbu::test
