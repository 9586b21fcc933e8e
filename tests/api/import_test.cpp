// Bulk imports whose client is of no use, or in others' way; and rows whose outcome is unknown for
// a while.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <deque>
#include <future>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "api/access/access_keys.hpp"
#include "api/http/server.hpp"
#include "api/jobs/import.hpp"
#include "api/log/log_lookup.hpp"
#include "api/services/quotes.hpp"
#include "api/services/service.hpp"
#include "api/streams/delivery_feed.hpp"
#include "api/streams/event_feed.hpp"
#include "infra/eventlog/memory_log.hpp"
#include "infra/ids.hpp"
#include "infra/sha256.hpp"
#include "tests/http/client.hpp"
#include "tests/support/faulty_log.hpp"
#include "tests/support/process.hpp"

namespace jangbu::test {

namespace {

using Value = nlohmann::json;  // Json is what we write
using Reply = jangbu::test::Answer;

// The account and product services on a log in memory.
struct Services {
  explicit Services(Importer::Options options = {}, Writer::Options writer_options = {},
                    const access::AccessKeys* keys = nullptr)
      : writer(log,
               {.now = system_now, .new_commit_id = new_id<CommitId>, .any_number = random_number},
               writer_options),
        importer(writer, log_lookup, options),
        gatekeeper(keys, nullptr, {}) {
    writer.start();
    for (const Service* service : {&account_service, &product_service})
      servers.emplace_back("127.0.0.1", 0, to_router(*service, backend)).start();
    wait_until("the writer", [this] { return writer.status().state == Writer::State::active; });
  }
  ~Services() {
    importer.stop();
    writer.stop();
  }

  Client begin(std::size_t body_size, std::string_view fields = {}) {
    return begin_at(0, "/accounts:import", body_size, fields);
  }
  Client begin_at(std::size_t service, std::string_view target, std::size_t body_size,
                  std::string_view fields = {}) {
    Client client(servers[service].port());
    client.send("POST " + std::string(target) +
                " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-ndjson\r\n" +
                "Content-Length: " + std::to_string(body_size) + "\r\n" + std::string(fields) +
                "\r\n");
    return client;
  }

  MemoryLog real_log;
  FaultyLog log{real_log};
  LogLookup log_lookup{log};
  ReadModels read_models{{.conninfo = "host=/nowhere"}};
  const Quotes quotes{"a secret of a test", "shop"};
  EventFeed feed{log, delivery_changes({}), {}};
  Writer writer;
  Importer importer;
  const CommandSide commands{writer, log_lookup, quotes};
  access::Gatekeeper gatekeeper;
  const Backend backend{gatekeeper, &commands, read_models, feed, nullptr, &importer};
  std::deque<http::Server> servers;
};

std::string row(unsigned number) {
  return R"({"name":"손님 )" + std::to_string(number) +
         R"(","address":{"line":"세종대로 1","zipCode":"03172"}})" + "\n";
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

std::vector<Value> rows_of(const Reply& answer) {
  REQUIRE(answer.status == 200);
  std::vector<Value> rows;
  std::istringstream lines(answer.body);
  for (std::string line; std::getline(lines, line);) rows.push_back(Value::parse(line));
  return rows;
}

std::string code(const Value& row) {
  return row.contains("problem") ? row.at("problem").at("code").get<std::string>() : "";
}

// How often each was opened.
std::map<std::string, unsigned> names_opened(EventLog& log) {
  std::map<std::string, unsigned> names;
  for (Position at{1}; at <= log.last(); at = at.next())
    for (const RecordedEvent& recorded : decode(log.read(at).value()).events)
      if (const auto* opened = std::get_if<AccountOpened>(&recorded.event))
        ++names[opened->state.person.name];
  return names;
}

// Chunks of an answer, as they went onto the wire.
std::size_t chunks_in(std::string_view wire) {
  std::size_t count = 0;
  for (std::size_t at = wire.find("\r\n\r\n") + 4;;) {
    const auto size = std::stoull(std::string(wire.substr(at, 16)), nullptr, 16);
    if (size == 0) return count;
    ++count;
    at = wire.find("\r\n", at) + 2 + size + 2;
  }
}

}  // namespace

TEST_CASE("A file that is none of rows is given up, and says where and why") {
  Services services;
  // More than all buffers on the way: it is taken to its end although nobody reads.
  const std::string body = repeated("y\n", 16u << 19);
  Client client = services.begin(body.size());
  client.send(body);
  const auto rows = rows_of(client.read_answer());
  REQUIRE(rows.size() == 102);
  for (std::size_t i = 0; i < 101; ++i) {
    CHECK(rows[i].at("line") == i + 1);
    CHECK(code(rows[i]) == "malformed-request");
  }
  CHECK(code(rows.back()) == "too-many-malformed-rows");
  CHECK(rows.back().at("line") == 101);
}

TEST_CASE("An import goes no further when its asker's key is taken back") {
  const std::string key = access::new_access_key("till");
  access::AccessKeys keys;
  keys.configure({{.name = "till",
                   .digest = sha256({key}),
                   .roles = {Role::clerk},
                   .carrier = {},
                   .rate = {}}});
  Services services({}, {}, &keys);
  const std::string body = row(1) + row(2);
  Client client = services.begin(body.size(), "Authorization: Bearer " + key + "\r\n");
  client.send(row(1));
  wait_until("the first row", [&] { return !names_opened(services.log).empty(); });
  keys.configure({});
  client.send(row(2));
  const auto rows = rows_of(client.read_answer());
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].at("status") == 201);
  CHECK(code(rows[1]) == "unauthorized");
  CHECK(rows[1].at("line") == 1);
  CHECK(names_opened(services.log).size() == 1);
}

TEST_CASE("A file of the wrong kind of rows is given up, too") {
  Services services;
  const std::string body = repeated("{\"code\": 7}\n", 1'000);
  Client client = services.begin(body.size());
  client.send(body);
  const auto rows = rows_of(client.read_answer());
  REQUIRE(rows.size() == 102);
  CHECK(code(rows[0]) == "invalid-field");
  CHECK(code(rows.back()) == "too-many-malformed-rows");
}

TEST_CASE("Bad rows in a file that is mostly good do not stop it") {
  Services services;
  std::string body;
  for (unsigned i = 0; i < 300; ++i) body += row(i);
  body += repeated("{}\n", 350);
  body += row(300);
  Client client = services.begin(body.size());
  client.send(body);
  const auto rows = rows_of(client.read_answer());
  REQUIRE(rows.size() == 651);
  CHECK(rows.back().at("status") == 201);
}

TEST_CASE("Results go out many at a time") {
  Services services({.malformed_rows = 1'000'000});
  const std::string body = repeated("y\n", 2'000);
  Client client = services.begin(body.size(), "Connection: close\r\n");
  client.send(body);
  const std::string wire = client.read_to_end();
  CHECK(wire.find("\"line\":2000,") != std::string::npos);
  CHECK(chunks_in(wire) < 100);
}

TEST_CASE("Who does not read the results is told so at the end") {
  Services services({.reader_patience = 200ms, .malformed_rows = 100'000'000});
  // Its results are a hundred times as much: no buffer on the way holds them.
  const std::string body = repeated("y\n", 16u << 19);
  Client client = services.begin(body.size());
  client.send(body);
  const std::string results = client.read_answer().body;
  const Value last = Value::parse(results.substr(results.rfind('\n', results.size() - 2) + 1));
  CHECK(code(last) == "results-unread");
  // Every row up to there has its result.
  CHECK(last.at("line") == std::ranges::count(results, '\n') - 1);
}

TEST_CASE("Who reads while it sends gets all results, however many") {
  Services services({.malformed_rows = 100'000'000});
  constexpr std::size_t count = 8'000;
  const std::string body = repeated("y\n", count);
  Client client = services.begin(body.size());
  auto sender = std::async(std::launch::async, [&] { client.send(body); });
  const auto rows = rows_of(client.read_answer());
  sender.get();
  REQUIRE(rows.size() == count);
  for (std::size_t i = 0; i < count; ++i) REQUIRE(rows[i].at("line") == i + 1);
}

TEST_CASE("An import that takes too long ends with a row that says so") {
  // A machine that others keep busy may need longer for the one row: then it has more time.
  std::vector<Value> rows;
  for (auto deadline = 300ms; rows.size() < 2 && deadline < 30s; deadline *= 4) {
    Services services({.deadline = deadline, .rest_deadline = deadline});
    Client client = services.begin(1'000);
    try {
      client.send(row(1));
      if (const Reply answer = client.read_answer(); answer.status == 200) rows = rows_of(answer);
    } catch (const std::runtime_error&) {
      // It was cut off: its row took longer than all.
    }
  }
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].at("status") == 201);
  CHECK(code(rows[1]) == "import-too-slow");
  CHECK(rows[1].at("line") == 1);
}

// An import that has taken a row, and waits for more.
Client import_under_way(Services& services, unsigned number, std::string_view fields = {}) {
  Client client = services.begin(1'000, fields);
  client.send(row(number));
  while (client.read_some().find("\"line\":1,") == std::string::npos) {
  }
  return client;
}

TEST_CASE("The imports of one asker leave others half of the places") {
  access::AccessKeys keys;
  std::vector<access::AccessKey> all;
  std::vector<std::string> fields;
  for (const char* name : {"a", "b"}) {
    const std::string key = access::new_access_key(name);
    all.push_back(
        {.name = name, .digest = sha256({key}), .roles = {Role::clerk}, .carrier = {}, .rate = {}});
    fields.push_back("Authorization: Bearer " + key + "\r\n");
  }
  keys.configure(all);
  Services services({.most_imports = 4}, {}, &keys);
  std::vector<Client> held;
  for (unsigned i = 0; i < 2; ++i) held.push_back(import_under_way(services, i, fields[0]));
  CHECK(services.begin(0, fields[0]).read_answer().status == 503);
  for (unsigned i = 2; i < 4; ++i) held.push_back(import_under_way(services, i, fields[1]));
}

TEST_CASE("The imports of one service leave the other's places alone") {
  Services services({.most_imports = 2});
  std::vector<Client> held;
  for (unsigned i = 0; i < 2; ++i) held.push_back(import_under_way(services, i));
  CHECK(services.begin(0).read_answer().status == 503);
  CHECK(services.begin_at(1, "/products:import", 0).read_answer().status == 200);
}

TEST_CASE("A row with a key whose outcome is unknown is asked for again until it is decided") {
  Services services({}, {.deadline = 50ms});
  const bool with_key = GENERATE(true, false);
  CAPTURE(with_key);
  services.log.always(Fault::lost_ack);
  const std::string body = row(1) + row(2);
  Client client = services.begin(body.size(), with_key ? "Idempotency-Key: k\r\n" : "");
  client.send(body);
  const auto unknown = [&] {
    std::size_t count = 0;
    for (const auto& measures : services.writer.measures().commands)
      count += measures.not_decided[static_cast<std::size_t>(NotDecided::outcome_unknown)].value();
    return count;
  };
  wait_until("an unknown outcome", [&] { return unknown() > 0; });
  services.log.always(Fault::none);
  const auto rows = rows_of(client.read_answer());
  REQUIRE(rows.size() == 2);
  for (const Value& result : rows) {
    CAPTURE(result.dump());
    if (with_key) CHECK(result.at("status") == 201);
  }
  // Without one, doing it again might be doing it twice. The other row may have come later.
  const auto is_unknown = [](const Value& result) { return code(result) == "outcome-unknown"; };
  if (!with_key) CHECK(std::ranges::any_of(rows, is_unknown));
  CHECK(names_opened(services.real_log) ==
        std::map<std::string, unsigned>{{"손님 1", 1}, {"손님 2", 1}});
}

}  // namespace jangbu::test
