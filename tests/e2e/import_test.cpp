// Bulk import over the real shop.
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstdint>
#include <future>
#include <sstream>
#include <string>
#include <vector>

#include "tests/e2e/requests.hpp"
#include "tests/http/client.hpp"

using namespace jangbu::test;

namespace {

std::string head(std::string_view target, std::size_t size, std::string_view fields) {
  return "POST " + std::string(target) +
         " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(size) + "\r\n" +
         std::string(fields) + "\r\n";
}

constexpr std::string_view ndjson = "Content-Type: application/x-ndjson\r\n";

// Reads the results while it sends, as the service asks for.
Answer import(const ServeProcess& shop, Service service, const std::string& body,
              const std::string& key = {}) {
  const std::string target = service == Service::account ? "/accounts:import" : "/products:import";
  std::string fields(ndjson);
  if (!key.empty()) fields += "Idempotency-Key: " + key + "\r\n";
  Client client(shop.port(service));
  client.send(head(target, body.size(), fields));
  auto sender = std::async(std::launch::async, [&] { client.send(body); });
  Answer answer = client.read_answer();
  sender.get();
  return answer;
}

std::vector<Json> rows_of(const Answer& answer) {
  REQUIRE(answer.status == 200);
  CHECK(answer.headers.at("content-type") == "application/x-ndjson");
  std::vector<Json> rows;
  std::istringstream lines(answer.body);
  for (std::string line; std::getline(lines, line);) rows.push_back(Json::parse(line));
  return rows;
}

std::string accounts(std::string_view name, unsigned count) {
  std::string body;
  for (unsigned i = 0; i < count; ++i)
    body += account(std::string(name) + " " + std::to_string(i)).dump() + "\n";
  return body;
}

}  // namespace

TEST_CASE("Rows are imported in order, and a bad one does not stop the rest") {
  const Shop shop;
  open_account(shop, "홍길동");
  std::string long_row = account("길다").dump();
  long_row.insert(long_row.size() - 1, ",\"x\":\"" + std::string(70'000, 'x') + "\"");
  const std::string body = account("하나").dump() + "\r\n" +  //
                           "\n  \n" +                         // 2 and 3 are blank
                           account("홍길동").dump() + "\n" +  //
                           "{\"name\":\n" +                   //
                           "{\"name\":\"\",\"address\":{}}\n" + long_row + "\n" +
                           account("하나").dump() + "\n" + account("둘").dump();
  const auto rows = rows_of(import(shop.jangbu, Service::account, body));
  REQUIRE(rows.size() == 7);
  for (const Json& row : rows)
    shop.jangbu.document(Service::account)
        ->check_value({{"$ref", "#/components/schemas/ImportedRow"}}, row);
  const auto check = [&](std::size_t index, int line, int status, const std::string& code) {
    const Json& row = rows[index];
    CAPTURE(row.dump());
    CHECK(row.at("line") == line);
    CHECK(row.at("status") == status);
    if (!code.empty()) {
      CHECK(row.at("problem").at("code") == code);
      CHECK(row.at("problem").at("status") == status);
    }
  };
  check(0, 1, 201, "");
  check(1, 4, 409, "account-name-taken");
  check(2, 5, 400, "malformed-request");
  check(3, 6, 422, "invalid-field");
  check(4, 7, 422, "row-too-long");
  check(5, 8, 409, "account-name-taken");
  check(6, 9, 201, "");
  for (const std::size_t index : {0, 6}) {
    const Reply reply = shop.accounts().get(
        at("/accounts/" + id_of(rows[index]), rows[index].at("position").get<std::uint64_t>()));
    CHECK(reply.status == 200);
    CHECK(reply.json.at("name") == (index == 0 ? "하나" : "둘"));
  }
}

TEST_CASE("Products are imported, too, and are for sale") {
  const Shop shop;
  open_account(shop, "홍길동");
  const auto rows = rows_of(import(shop.jangbu, Service::product,
                                   product("쑥차 50g", 9'500, 20).dump() + "\n" +
                                       product("보성 녹차", 12'000, -1).dump() + "\n"));
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].at("status") == 201);
  CHECK(rows[1].at("status") == 422);
  CHECK(buy(shop, "홍길동", "쑥차 50g").at("total") == won(9'500));
}

TEST_CASE("Imported rows list in the order in which they were sent") {
  const Shop shop;
  const auto rows = rows_of(import(shop.jangbu, Service::account, accounts("차례", 300)));
  REQUIRE(rows.size() == 300);
  const std::uint64_t end = rows.back().at("position");
  std::vector<Json> listed;
  for (std::string path = at("/accounts?limit=100", end);;) {
    const Json page = shop.accounts().get(path).json;
    for (const Json& item : page.at("items")) listed.push_back(item.at("id"));
    if (page.at("next").is_null()) break;
    path = "/accounts?limit=100&after=" + page.at("next").get<std::string>();
  }
  std::vector<Json> sent;
  for (auto row = rows.rbegin(); row != rows.rend(); ++row) sent.push_back(row->at("id"));
  CHECK(listed == sent);
}

TEST_CASE("An import that is sent again gives the first results") {
  Shop shop;
  const std::string body = accounts("같은", 3'000);
  const auto first = rows_of(import(shop.jangbu, Service::account, body, "march"));
  REQUIRE(first.size() == 3'000);
  const std::uint64_t end = first.back().at("position");
  REQUIRE(shop.jangbu.stop() == 0);
  shop.jangbu.start();

  // With some more rows, and one that is another.
  std::string more = body + accounts("새로운", 10);
  more.replace(more.find("같은 7\""), std::string("같은 7\"").size(), "다른 7\"");
  const auto again = rows_of(import(shop.jangbu, Service::account, more, "march"));
  REQUIRE(again.size() == 3'010);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < first.size(); ++i) {
    if (i == 7) continue;
    Json expected = first[i];
    CHECK_FALSE(expected.contains("replayed"));
    expected["replayed"] = true;
    if (again[i] != expected) ++wrong;
  }
  CHECK(wrong == 0);
  CHECK(again[7].at("status") == 422);
  CHECK(again[7].at("problem").at("code") == "idempotency-key-reused");
  for (std::size_t i = 3'000; i < 3'010; ++i) {
    CHECK(again[i].at("status") == 201);
    CHECK(again[i].at("position").get<std::uint64_t>() > end);
    CHECK_FALSE(again[i].contains("replayed"));
  }
  // Another prefix is another import.
  const auto other = rows_of(import(shop.jangbu, Service::account, accounts("같은", 1), "april"));
  CHECK(other.at(0).at("status") == 409);
}

TEST_CASE("100,000 accounts are imported", "[busy]") {
  constexpr unsigned count = has_sanitizer ? 20'000 : 100'000;
  const Shop shop;
  const std::string body = accounts("손님", count);
  const auto measure = [&](const char* what) {
    const auto begin = std::chrono::steady_clock::now();
    const Answer answer = import(shop.jangbu, Service::account, body, "all");
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
    WARN(what << ": " << time.count() << " s, " << count / time.count() << " rows/s");
    return rows_of(answer);
  };
  const auto rows = measure("imported");
  REQUIRE(rows.size() == count);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (rows[i].at("line") != i + 1 || rows[i].at("status") != 201) ++wrong;
  CHECK(wrong == 0);
  // Rows share commits, however slow it is to make commands of them.
  CHECK(rows.back().at("position").get<std::uint64_t>() < count / 2);
  const auto again = measure("sent again");
  REQUIRE(again.size() == rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (again[i].at("id") != rows[i].at("id") || !again[i].contains("replayed")) ++wrong;
  CHECK(wrong == 0);
}

TEST_CASE("64 MiB are read as they come, not kept", "[busy]") {
  constexpr std::size_t row_size = 64 << 10, rows_in_all = 1'024;
  Shop shop;
  std::string body;
  for (std::size_t i = 0; i < rows_in_all; ++i) {
    const std::string row = account("손님 " + std::to_string(i)).dump();
    body += row + std::string(row_size - row.size() - 1, ' ') + "\n";
  }
  REQUIRE(body.size() == 64u << 20);
  const std::size_t before = shop.jangbu.most_memory_kib();
  const auto rows = rows_of(import(shop.jangbu, Service::account, body));
  if (!has_sanitizer) CHECK(shop.jangbu.most_memory_kib() - before < 16u << 10);
  REQUIRE(rows.size() == rows_in_all);
  for (const Json& row : rows) REQUIRE(row.at("status") == 201);
}

TEST_CASE("A client that goes in the middle leaves what it has sent") {
  Shop shop;
  const std::string body = accounts("남은", 500);
  Client client(shop.jangbu.port(Service::account));
  client.send(head("/accounts:import", body.size() + 1'000'000, ndjson) + body);
  // The results come while it goes on.
  std::string results;
  while (results.find("\"line\":500,") == results.npos) results += client.read_some();
  client.abort();
  wait_until("its rows", [&] {
    return shop.accounts()
               .get("/accounts/search/findByName?name=" + percent_encoded("남은 499"))
               .status == 200;
  });
  // And the importer is free again, as often as there are places.
  for (int i = 0; i < 8; ++i) {
    Answer answer;
    wait_until("a place", [&] {
      answer = import(shop.jangbu, Service::account, accounts("다음 " + std::to_string(i), 1));
      return answer.status == 200;
    });
    CHECK(rows_of(answer).at(0).at("status") == 201);
  }
  CHECK(shop.jangbu.stop() == 0);
  CHECK(shop.jangbu.sanitizer_report() == "");
}

TEST_CASE("What is no import is refused before it is read") {
  const Shop shop;
  Client json(shop.jangbu.port(Service::account));
  json.send(head("/accounts:import", 10'000'000, "Content-Type: application/json\r\n"));
  CHECK(json.read_answer().status == 415);
  Client huge(shop.jangbu.port(Service::account));
  huge.send(head("/accounts:import", (64u << 20) + 1, ndjson));
  CHECK(huge.read_answer().status == 413);
  Client key(shop.jangbu.port(Service::account));
  key.send(head("/accounts:import", 0, std::string(ndjson) + "Idempotency-Key: a b\r\n"));
  CHECK(key.read_answer().status == 400);
  Client empty(shop.jangbu.port(Service::account));
  empty.send(head("/accounts:import", 0, ndjson));
  const Answer answer = empty.read_answer();
  CHECK(answer.status == 200);
  CHECK(answer.body.empty());
}

TEST_CASE("An import waits for the log, and an order to stop does not wait for it") {
  Shop shop;
  shop.nats.kill();
  Client client(shop.jangbu.port(Service::account));
  const std::string body = accounts("기다림", 100);
  client.send(head("/accounts:import", body.size() + 1, ndjson) + body);
  shop.nats.start();
  std::string results;
  while (results.find("\"line\":100,") == results.npos) results += client.read_some();
  // The body has no end: the order to stop comes in the middle of it.
  CHECK(shop.jangbu.stop(30s) == 0);
  CHECK(shop.jangbu.sanitizer_report() == "");
}
