// `jangbu writer`, POST /writer/handover, and what readiness tells of who is active.
#include <sys/wait.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <string>
#include <vector>

#include "tests/e2e/requests.hpp"

using namespace jangbu::test;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

namespace {

const std::string quote_secret = "JANGBU_QUOTE_SECRET=what all instances of this shop know";

struct Told {
  int status;
  std::string text;
};

Told writer(std::vector<std::string> arguments) {
  const TemporaryFolder folder;
  arguments.insert(arguments.begin(), "writer");
  const auto process = run_jangbu(arguments, folder.path() / "log");
  const int status = process->wait(60s);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), process->log_text()};
}

std::string ports(const std::vector<const ServeProcess*>& instances) {
  std::string list;
  for (const ServeProcess* instance : instances)
    list += (list.empty() ? "" : ",") + std::to_string(instance->port_base());
  return list;
}

Json check_of_writer(const ServeProcess& instance) {
  return instance.client(Service::operations).get("/health/ready").json.at("checks").at("writer");
}

// A shop of two instances, named one and two; the first is active.
struct TwoInstances {
  explicit TwoInstances(std::vector<std::string> flags_of_two = {})
      : shop({}, {.flags = {"--instance-name", "one"}, .environment = {quote_secret}}),
        two(options(std::move(flags_of_two))) {}

  ServeProcess::Options options(std::vector<std::string> flags) {
    flags.insert(flags.end(), {"--instance-name", "two"});
    ServeProcess::Options options = shop.options(std::move(flags));
    options.environment = {quote_secret};
    return options;
  }

  Shop shop;
  ServeProcess& one = shop.jangbu;
  ServeProcess two;
};

}  // namespace

TEST_CASE("Who is active is told, and another instance takes over when asked to") {
  TwoInstances instances;
  ServeProcess& one = instances.one;
  ServeProcess& two = instances.two;
  wait_until("the second to be a candidate",
             [&] { return check_of_writer(two).at("candidate") == true; });
  const Json first = check_of_writer(one);
  CHECK(first.at("instance") == "one");
  CHECK(first.at("active") == "one");
  CHECK(first.at("term") == 1);
  const Json second = check_of_writer(two);
  CHECK(second.at("instance") == "two");
  for (const char* field : {"active", "term", "since"}) CHECK(second.at(field) == first.at(field));
  const std::string since = first.at("since");
  CHECK(two.metric("jangbu_writer_term_start_seconds") ==
        one.metric("jangbu_writer_term_start_seconds"));
  CHECK(two.metric("jangbu_writer_candidate") == 1);

  const std::string both = ports({&two, &one});
  Told told = writer({"status", "--port-base", both});
  CAPTURE(told.text);
  CHECK(told.status == 0);
  CHECK_THAT(told.text, StartsWith("one is active since " + since + ", in term 1.\n"));
  CHECK_THAT(told.text, ContainsSubstring("\none       active   1     "));
  CHECK_THAT(told.text, ContainsSubstring("\ntwo       standby  1     "));
  const Json json = Json::parse(writer({"status", "--json", "--port-base", both}).text);
  CHECK(json.at("active") == Json{{"instance", "one"}, {"term", 1}, {"since", since}});
  CHECK(json.at("instances").size() == 2);

  // A standby says who is.
  const Reply refused = two.client(Service::operations).post("/writer/handover", Json());
  CHECK(refused.status == 409);
  CHECK(refused.code() == "not-handed-over");
  CHECK(refused.json.at("active") == "one");
  told = writer({"handover", "--port-base", ports({&two})});
  CHECK(told.status == 1);
  CHECK_THAT(told.text, ContainsSubstring("this instance is not active. one is active."));

  told = writer({"handover", "--port-base", both});
  CHECK(told.status == 0);
  CHECK(told.text == "two takes over.\n");
  wait_until("the second to be active",
             [&] { return check_of_writer(two).at("state") == "active"; });
  wait_until("the first to know", [&] { return check_of_writer(one).at("active") == "two"; });
  CHECK(check_of_writer(one).at("since") == check_of_writer(two).at("since"));
  open_account(instances.shop, "홍길동");  // at the one that forwards

  one.kill();
  told = writer({"status", "--port-base", both});
  CHECK(told.status == 1);
  CHECK_THAT(told.text, StartsWith("two is active since "));
  CHECK_THAT(told.text, ContainsSubstring("unknown"));
  CHECK(writer({"handover", "--port-base", ports({&one})}).status == 1);
  CHECK(writer({"status", "--port-base", "1,2", "--host", "a,b,c"}).status == 2);
  CHECK(writer({}).status == 2);
  CHECK(two.stop() == 0);
  CHECK(two.sanitizer_report() == "");
}

TEST_CASE("Nothing is handed over to an instance that never claims, and it says why") {
  TwoInstances instances({"--never-claim"});
  wait_until("the second to know who is active",
             [&] { return check_of_writer(instances.two).at("active") == "one"; });
  const Json second = check_of_writer(instances.two);
  CHECK(second.at("candidate") == false);
  CHECK_THAT(second.at("reason").get<std::string>(), ContainsSubstring("--never-claim"));
  CHECK(instances.two.metric("jangbu_writer_candidate") == 0);
  Told told = writer({"status", "--port-base", ports({&instances.one, &instances.two})});
  CHECK(told.status == 1);
  CHECK_THAT(told.text, ContainsSubstring("--never-claim"));
  told = writer({"handover", "--port-base", ports({&instances.one})});
  CHECK(told.status == 1);
  CHECK_THAT(told.text, ContainsSubstring("no other instance can take over now"));
  CHECK(check_of_writer(instances.one).at("state") == "active");

  // Where the log is away, whoever asks for it is told so.
  instances.shop.nats.kill();
  wait_until("the log to be missed",
             [&] { return check_of_writer(instances.one).at("state") == "log-away"; });
  CHECK(instances.one.stop() == 0);
}
