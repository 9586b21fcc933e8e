// Queries: lists, waiting for a position, and what happens when PostgreSQL is away.
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <set>
#include <thread>

#include "projections/tables/accounts.hpp"
#include "projections/tables/deliveries.hpp"
#include "projections/tables/products.hpp"
#include "projections/tables/purchases.hpp"
#include "tests/projections/histories.hpp"
#include "tests/projections/support.hpp"
#include "tests/support/samples.hpp"

namespace jangbu::test {

namespace {

// Reads a list to its end, page by page.
template <class Row, class Cursor, class List>
std::vector<Row> all_of(ReadModels& read_models, std::size_t limit, List list) {
  std::vector<Row> rows;
  From<Cursor> from{.limit = limit};
  for (;;) {
    Page<Row> page = answer(read_models, list(from));
    REQUIRE(page.items.size() <= limit);
    REQUIRE((!page.more || page.items.size() == limit));
    rows.insert(rows.end(), page.items.begin(), page.items.end());
    if (!page.more) return rows;
    from.after = page.items.back().id;
  }
}

template <class Row>
bool newest_first(const std::vector<Row>& rows) {
  return std::is_sorted(rows.begin(), rows.end(),
                        [](const Row& one, const Row& other) { return one.id > other.id; });
}

}  // namespace

namespace {

// An account of this name, which is opened as the n-th.
Event opened(std::uint8_t n, const std::string& name) {
  AccountState state;
  state.account.bytes[15] = n;
  state.person.name = name;
  state.person.address = {"세종대로 175", "03172"};
  return AccountOpened{state};
}

std::vector<std::string> names_of(const std::vector<AccountRow>& rows) {
  std::vector<std::string> names;
  for (const AccountRow& row : rows) names.push_back(row.name);
  return names;
}

}  // namespace

TEST_CASE("names are found by their beginning, in order, page by page", "[queries]") {
  const std::string conninfo = shared_postgres().create_database();
  MemoryLog log;
  std::vector<Event> events;
  for (const char* name : {"홍길순", "kim", "Kim Minsu", "홍길동", "하늘", "호랑이", "황진이",
                           "길동", "KIMBERLEY", "홍시", "카카오", "ㅎ"})
    events.push_back(opened(static_cast<std::uint8_t>(events.size() + 1), name));
  AccountState closed = std::get<AccountOpened>(events.back()).state;
  closed.account.bytes[15] = 200;
  closed.person.name = "홍길남";
  events.push_back(AccountOpened{closed});
  events.push_back(AccountClosed{closed, Timestamp{1}});
  append(log, events);
  project(log, conninfo);
  Asker asker(conninfo);

  using Names = std::vector<std::string>;
  for (const std::size_t limit : {1u, 2u, 100u}) {
    const auto find = [&](std::string_view beginning) {
      return names_of(all_of<AccountRow, AccountId>(asker, limit, [&](const auto& from) {
        return list_accounts_beginning_with(beginning, from);
      }));
    };
    CHECK(find("홍") == Names{"홍길동", "홍길순", "홍시"});
    CHECK(find("호") == Names{"호랑이", "홍길동", "홍길순", "홍시"});
    CHECK(find("ㅎ") == Names{"하늘", "호랑이", "홍길동", "홍길순", "홍시", "황진이"});
    CHECK(find("홍ㄱ") == Names{"홍길동", "홍길순"});
    CHECK(find("홍길도") == Names{"홍길동"});
    CHECK(find("kIM") == Names{"kim", "Kim Minsu", "KIMBERLEY"});
    CHECK(find("홍길동이") == Names{});
    CHECK(find("").size() == 12);
    CHECK(find("").front() == "kim");
  }
  // After one whose name is elsewhere.
  AccountId ninth;
  ninth.bytes[15] = 9;  // KIMBERLEY
  const auto after = [&](std::string_view beginning) {
    return names_of(
        answer(asker, list_accounts_beginning_with(beginning, {.limit = 2, .after = ninth})).items);
  };
  CHECK(after("홍") == Names{"홍길동", "홍길순"});
  CHECK(after("k") == Names{});
}

TEST_CASE("lists are complete, in order and without doubles, whatever the page", "[queries]") {
  const std::string conninfo = shared_postgres().create_database();
  MemoryLog log;
  Histories histories(42);
  std::set<AccountId> accounts;
  std::set<PurchaseId> purchases;
  for (int i = 0; i < 60; ++i) {
    const Commit commit = histories.next(10);
    for (const auto& recorded : commit.events) {
      if (const auto* opened = std::get_if<AccountOpened>(&recorded.event))
        accounts.insert(opened->state.account);
      if (const auto* completed = std::get_if<PurchaseCompleted>(&recorded.event))
        purchases.insert(completed->purchase);
    }
    append(log, commit);
  }
  project(log, conninfo);
  Asker asker(conninfo);

  for (const std::size_t limit : {1u, 7u, 100u}) {
    const auto rows = all_of<AccountRow, AccountId>(
        asker, limit, [](const From<AccountId>& from) { return list_accounts(from); });
    CHECK(rows.size() == accounts.size());
    CHECK(newest_first(rows));
  }
  const auto products = all_of<ProductRow, ProductId>(
      asker, 10, [](const From<ProductId>& from) { return list_products(from); });
  CHECK(products.size() == histories.stocks().size());
  CHECK(newest_first(products));

  const auto list = [&](const PurchaseFilter& filter, std::size_t limit) {
    return all_of<PurchaseRow, PurchaseId>(
        asker, limit, [&](const From<PurchaseId>& from) { return list_purchases(filter, from); });
  };
  const auto all = list({}, 9);
  CHECK(all.size() == purchases.size());
  CHECK(newest_first(all));
  const AccountId buyer = all.front().buyer;
  const auto filtered = [&](auto wanted) {
    std::vector<PurchaseRow> rows;
    std::copy_if(all.begin(), all.end(), std::back_inserter(rows), wanted);
    return rows;
  };
  CHECK(list({.buyer = buyer}, 3) ==
        filtered([&](const PurchaseRow& row) { return row.buyer == buyer; }));
  for (const auto status : {PurchaseStatus::completed, PurchaseStatus::cancelled,
                            PurchaseStatus::returned, PurchaseStatus::received}) {
    const auto expected = filtered([&](const PurchaseRow& row) { return row.status == status; });
    CHECK_FALSE(expected.empty());
    CHECK(list({.status = status}, 4) == expected);
    CHECK(list({.buyer = buyer, .status = status}, 4) == filtered([&](const PurchaseRow& row) {
            return row.status == status && row.buyer == buyer;
          }));
  }

  const auto deliveries = [&](const DeliveryFilter& filter) {
    return all_of<DeliverySummary, PurchaseId>(
        asker, 5, [&](const From<PurchaseId>& from) { return list_deliveries(filter, from); });
  };
  const auto every = deliveries({.include_closed = true});
  CHECK(every.size() == purchases.size());
  CHECK(newest_first(every));
  for (const bool closed : {false, true})
    for (const auto& of_buyer : {std::optional<AccountId>(), std::optional(buyer)})
      for (const auto& of_status :
           {std::optional<DeliveryStatus>(), std::optional(DeliveryStatus::preparing),
            std::optional(DeliveryStatus::receipt_confirmed)}) {
        std::vector<DeliverySummary> expected;
        std::copy_if(every.begin(), every.end(), std::back_inserter(expected),
                     [&](const DeliverySummary& row) {
                       return (closed || of_status || !row.closed_at) &&
                              (!of_buyer || row.buyer == *of_buyer) &&
                              (!of_status || row.status == *of_status);
                     });
        CHECK(deliveries({.include_closed = closed, .buyer = of_buyer, .status = of_status}) ==
              expected);
      }
}

TEST_CASE("a query waits for its position", "[queries]") {
  const std::string conninfo = shared_postgres().create_database();
  MemoryLog log;
  append(log, {AccountOpened{hong}});
  const Projector projector(log, {.conninfo = conninfo});
  Asker asker(conninfo);

  // Not reached in time: how far it is.
  const auto behind = ask(asker, account_by_id(hong.account), {Position{2}, 200ms});
  REQUIRE(std::holds_alternative<Behind>(behind));
  CHECK(std::get<Behind>(behind).position == Position{1});
  CHECK(
      std::holds_alternative<Behind>(ask(asker, account_by_id(hong.account), {Position{9}, 0ms})));

  // Asked first, then it happens.
  std::promise<Position> reached;
  asker.query<std::optional<AccountRow>>(
      account_by_id(alice.account), {Position{2}, 60s}, [&](auto result) {
        const auto* found = std::get_if<Answer<std::optional<AccountRow>>>(&result);
        reached.set_value(found && found->value ? found->position : Position{});
      });
  append(log, {AccountOpened{alice}});
  CHECK(reached.get_future().get() == Position{2});

  // It happens first: read your own writes, many times over.
  for (int i = 0; i < 100; ++i) {
    AccountState state = alice;
    state.person.address.line = std::to_string(i);
    const Position position = append(log, {AddressChanged{state}});
    const auto row = answer(asker, account_by_id(alice.account), {position, 60s});
    REQUIRE(row->address.line == std::to_string(i));
    REQUIRE(row->version.position == position);
  }

  // A position moves past commits that change nothing of the read model.
  const Position last = append(log, {ProductListed{keyboard}});
  const auto result = ask(asker, account_by_id(hong.account), {last, 60s});
  CHECK(std::get<Answer<std::optional<AccountRow>>>(result).position == last);
}

TEST_CASE("a query may wait longer than PostgreSQL may take to answer", "[queries]") {
  const std::string conninfo = shared_postgres().create_database();
  MemoryLog log;
  append(log, {AccountOpened{hong}});
  const Projector projector(log, {.conninfo = conninfo});
  constexpr auto answer_timeout = 2s;
  Asker asker({.conninfo = conninfo, .connections = 1, .answer_timeout = answer_timeout});
  REQUIRE(answer(asker, account_by_id(hong.account), {Position{1}, 60s}));

  std::promise<bool> reached;
  asker.query<std::optional<AccountRow>>(
      account_by_id(hong.account), {Position{2}, 60s}, [&](const auto& result) {
        reached.set_value(std::holds_alternative<Answer<std::optional<AccountRow>>>(result));
      });
  const auto silent_until = std::chrono::steady_clock::now() + answer_timeout + 1s;
  wait_until("silence on the connection",
             [&] { return std::chrono::steady_clock::now() > silent_until; });
  append(log, {AccountOpened{alice}});
  CHECK(reached.get_future().get());
}

TEST_CASE("a thousand queries wait together", "[queries]") {
  const std::string conninfo = shared_postgres().create_database();
  MemoryLog log;
  Histories histories(7);
  append(log, histories.next(5));
  const Projector projector(log, {.conninfo = conninfo});
  Asker asker(conninfo);

  std::atomic<int> answered = 0;
  std::atomic<int> too_early = 0;
  std::atomic<int> behind = 0;
  for (std::uint64_t i = 0; i < 1'000; ++i) {
    const Position wanted{2 + i % 50};
    asker.query<Page<AccountRow>>(list_accounts({}), {wanted, 20s}, [&, wanted](auto result) {
      const auto* found = std::get_if<Answer<Page<AccountRow>>>(&result);
      if (!found || found->position < wanted) ++too_early;
      ++answered;
    });
    asker.query<Page<AccountRow>>(list_accounts({}), {Position{1'000}, 1s}, [&](auto result) {
      if (std::holds_alternative<Behind>(result)) ++behind;
    });
  }
  for (int i = 0; i < 50; ++i) append(log, histories.next(3));
  wait_until("all of them", [&] { return answered == 1'000 && behind == 1'000; });
  CHECK(too_early == 0);
}

TEST_CASE("queries from many threads", "[queries]") {
  const std::string conninfo = shared_postgres().create_database();
  MemoryLog log;
  append(log, {AccountOpened{hong}, ProductListed{keyboard}});
  const Projector projector(log, {.conninfo = conninfo});
  Asker asker(conninfo);
  std::atomic<int> right = 0;
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread)
      threads.emplace_back([&] {
        for (int i = 0; i < 250; ++i) {
          const ReadAt at{Position{1}, 60s};
          if (i % 2)
            asker.query<std::optional<AccountRow>>(account_by_name("홍길동"), at, [&](auto result) {
              const auto* found = std::get_if<Answer<std::optional<AccountRow>>>(&result);
              if (found && found->value && found->value->id == hong.account) ++right;
            });
          else
            asker.query<std::optional<ProductRow>>(
                product_by_id(keyboard.product), at, [&](auto result) {
                  const auto* found = std::get_if<Answer<std::optional<ProductRow>>>(&result);
                  if (found && found->value && found->value->stock == 100) ++right;
                });
        }
      });
  }
  wait_until("all answers", [&] { return right == 1'000; });
}

TEST_CASE("of many rows that are looked up together, everybody gets his own", "[queries]") {
  const std::string conninfo = shared_postgres().create_database();
  MemoryLog log;
  std::vector<Event> events;
  for (std::uint8_t n = 1; n <= 100; ++n)
    events.push_back(opened(n, "account " + std::to_string(n)));
  append(log, events);
  project(log, conninfo);
  Asker asker(conninfo);
  std::atomic<int> answered = 0, right = 0;
  constexpr int queries = 1'000;
  for (int i = 0; i < queries; ++i) {
    // One in two does not exist, and each that does is asked for several times.
    const auto n = static_cast<std::uint8_t>(i % 200 + 1);
    AccountId id;
    id.bytes[15] = n;
    const std::string name = "account " + std::to_string(n);
    const auto check = [&, id, name, exists = n <= 100](const auto& result) {
      const auto* found = std::get_if<Answer<std::optional<AccountRow>>>(&result);
      if (found && found->position == Position{1} && found->value.has_value() == exists &&
          (!exists || (found->value->id == id && found->value->name == name)))
        ++right;
      ++answered;
    };
    if (i % 3)
      asker.query<std::optional<AccountRow>>(account_by_id(id), {}, check);
    else
      asker.query<std::optional<AccountRow>>(account_by_name(name), {}, check);
  }
  wait_until("all answers", [&] { return answered == queries; });
  CHECK(right == queries);
}

TEST_CASE("PostgreSQL away: Unavailable at once, and back by itself", "[queries]") {
  PostgresServer server;
  const std::string conninfo = server.create_database();
  MemoryLog log;
  append(log, {AccountOpened{hong}});
  const Projector projector(log, {.conninfo = conninfo});
  Asker asker(conninfo);
  REQUIRE(answer(asker, account_by_id(hong.account), {Position{1}, 60s}));

  std::promise<bool> told;
  asker.query<std::optional<AccountRow>>(
      account_by_id(hong.account), {Position{2}, 60s},
      [&](auto result) { told.set_value(std::holds_alternative<Unavailable>(result)); });
  server.kill();
  CHECK(told.get_future().get());
  wait_until("the loss", [&] { return !asker.ready(); });
  CHECK(std::holds_alternative<Unavailable>(ask(asker, account_by_id(hong.account))));
  CHECK(std::holds_alternative<Unavailable>(
      ask(asker, account_by_id(hong.account), {Position{2}, 60s})));

  server.start();
  append(log, {AccountOpened{alice}});
  wait_until("the connections", [&] { return asker.ready(); });
  CHECK(answer(asker, account_by_id(alice.account), {Position{2}, 60s}));
}

TEST_CASE("read models that are not there yet", "[queries]") {
  const std::string conninfo = shared_postgres().create_database();
  ReadModels read_models({.conninfo = conninfo});
  CHECK(std::holds_alternative<Unavailable>(ask(read_models, account_by_id(hong.account))));
  CHECK_FALSE(read_models.ready());
  MemoryLog log;
  append(log, {AccountOpened{hong}});
  const Projector projector(log, {.conninfo = conninfo});
  wait_until("the read models", [&] { return read_models.ready(); });
  CHECK(answer(read_models, account_by_id(hong.account), {Position{1}, 60s}));
}

TEST_CASE("more queries than are allowed are refused at once", "[queries]") {
  const std::string conninfo = shared_postgres().create_database();
  MemoryLog log;
  append(log, {AccountOpened{hong}});
  project(log, conninfo);
  std::atomic<int> unavailable = 0;
  {
    Asker asker(ReadModels::Options{.conninfo = conninfo, .most_queries = 10});
    for (int i = 0; i < 15; ++i)
      asker.query<std::optional<AccountRow>>(
          account_by_id(hong.account), {Position{2}, 60s},
          [&](auto result) { unavailable += std::holds_alternative<Unavailable>(result); });
    CHECK(unavailable == 5);
  }
  CHECK(unavailable == 15);  // the end answers those that still wait
}

TEST_CASE("a question that PostgreSQL refuses does not hurt the others", "[queries]") {
  const std::string conninfo = shared_postgres().create_database();
  MemoryLog log;
  append(log, {AccountOpened{hong}});
  project(log, conninfo);
  Asker asker(ReadModels::Options{.conninfo = conninfo, .connections = 1});
  std::atomic<int> refused = 0;
  std::atomic<int> right = 0;
  for (int i = 0; i < 200; ++i) {
    const bool bad = i % 20 == 3;
    asker.query<std::optional<AccountRow>>(
        account_by_name(bad ? "\xff is no UTF-8" : "홍길동"), {}, [&](auto result) {
          if (std::holds_alternative<Unavailable>(result)) ++refused;
          const auto* found = std::get_if<Answer<std::optional<AccountRow>>>(&result);
          if (found && found->value) ++right;
        });
  }
  wait_until("all answers", [&] { return refused + right == 200; });
  CHECK(refused == 10);
}

}  // namespace jangbu::test
