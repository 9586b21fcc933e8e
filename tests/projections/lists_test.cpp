// What lists cost: rows read, bytes sent, and nobody else's time.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <functional>
#include <future>
#include <regex>
#include <set>

#include "projections/tables/accounts.hpp"
#include "projections/tables/deliveries.hpp"
#include "projections/tables/history.hpp"
#include "projections/tables/products.hpp"
#include "projections/tables/purchases.hpp"
#include "tests/projections/support.hpp"
#include "tests/support/samples.hpp"

namespace jangbu::test {

namespace {

// A server that writes down how it executed every query.
PostgresServer& explaining_postgres() {
  static PostgresServer server({"fsync=off", "session_preload_libraries=auto_explain",
                                "auto_explain.log_min_duration=0", "auto_explain.log_analyze=on",
                                "auto_explain.log_timing=off", "auto_explain.log_buffers=on"});
  return server;
}

// Rows that a plan read of a read model's table, shown or not.
std::uint64_t rows_read(const std::string& plan) {
  static const std::regex scan(
      R"(Scan[^\n]* on (\w+)\b[^(]*\([^)]*\) \(actual rows=(\d+)[.\d]* loops=(\d+)\))");
  static const std::set<std::string> tables{"accounts", "products", "purchases", "deliveries",
                                            "history"};
  static const std::regex removed(R"(Rows Removed by [^\n]*: (\d+))");
  std::uint64_t rows = 0;
  for (std::sregex_iterator found(plan.begin(), plan.end(), scan), end; found != end; ++found)
    if (tables.contains((*found)[1])) rows += std::stoull((*found)[2]) * std::stoull((*found)[3]);
  for (std::sregex_iterator found(plan.begin(), plan.end(), removed), end; found != end; ++found)
    rows += std::stoull((*found)[1]);
  return rows;
}

// Pages that a plan looked at, in memory or on disk.
std::uint64_t pages_read(const std::string& plan) {
  static const std::regex buffers(R"(Buffers: shared( hit=(\d+))?( read=(\d+))?)");
  std::smatch found;
  REQUIRE(std::regex_search(plan, found, buffers));
  const auto number = [&](std::size_t group) {
    return found[group].matched ? std::stoull(found[group]) : 0;
  };
  return number(2) + number(4);
}

// Read models with little in them, and what else the test puts there.
struct Tables {
  explicit Tables(PostgresServer& server) : conninfo(server.create_database()) {
    append(log, {AccountOpened{hong}, ProductListed{keyboard}});
    project(log, conninfo);
  }
  void run(const std::string& sql) const { pg::Connection({.conninfo = conninfo}).run(sql); }

  MemoryLog log;
  const std::string conninfo;
};

// Id number n of a kind, in SQL: they rise with n.
std::string sql_id(const std::string& kind, const std::string& n) {
  return "('" + kind + "000000-0000-7000-8000-' || lpad(to_hex(" + n + "), 12, '0'))::uuid";
}

// `count` deliveries and their purchases: of one buyer in a hundred others, all with this status
// and carrier.
std::string deliveries_sql(int first, int count, const std::string& buyer,
                           const std::string& status, bool closed,
                           const std::string& carrier = "") {
  const std::string numbers = " FROM generate_series(" + std::to_string(first) + ", " +
                              std::to_string(first + count - 1) + ") n;";
  const std::string id = sql_id("c0", "n");
  return "INSERT INTO deliveries_1.deliveries SELECT " + id + ", " + buyer +
         ", now(), '', '', '', '[]', '" + (closed ? status : "~") + "', " +
         (closed ? "now()" : "NULL") + ", '" + carrier + "', '', '" + status + "', 0, NULL, 1, 0" +
         numbers + "INSERT INTO purchases_1.purchases SELECT " + id + ", " + buyer +
         ", now(), 0, 'KRW', '', '', '', '[]', '" +
         (status == "receipt-confirmed" ? "received"
          : closed                      ? "cancelled"
                                        : "~") +
         "', NULL, 1, 0" + numbers;
}

constexpr std::string_view one_sale = "c0000000-0000-7000-8000-000000000002";
constexpr std::size_t limit = 20;
constexpr std::size_t most_ends = 4;  // of a delivery, with none yet
// What is looked at is read, merged and numbered.
constexpr std::size_t most_rows_of_search = 3 * most_searched + most_ends * (limit + 1);

constexpr std::string_view one_buyer = "a1000000-0000-7000-8000-000000000001";
constexpr std::string_view other_buyer = "a1000000-0000-7000-8000-000000000002";

}  // namespace

TEST_CASE("a query reads a page of each status at most, whatever the table holds", "[lists]") {
  auto& server = explaining_postgres();
  const Tables tables(server);
  Asker asker(ReadModels::Options{.conninfo = tables.conninfo, .connections = 1});
  const auto some = [](auto cursor) { return From<decltype(cursor)>{limit, std::nullopt}; };
  const auto buyer = parse_id<AccountId>(one_buyer).value();
  const auto other = parse_id<AccountId>(other_buyer).value();
  const EntityId many_events = parse_id<EntityId>("b1000000-0000-7000-8000-000000000001").value();

  struct List {
    std::string name;
    std::function<std::size_t()> ask;
    std::size_t most_rows;  // that it may read
  };
  std::vector<List> lists;
  const auto add = [&](const std::string& name, auto query,
                       std::size_t most_rows = most_ends * (limit + 1)) {
    lists.push_back(
        {name, [&asker, query] { return answer(asker, query()).items.size(); }, most_rows});
  };
  add("accounts", [&] { return list_accounts(some(AccountId{})); });
  add("accounts by name", [&] { return list_accounts_beginning_with("k", some(AccountId{})); });
  add("products", [&] { return list_products(some(ProductId{})); });
  add("products by name", [&] { return list_products_beginning_with("k", some(ProductId{})); });
  const PrincipalId owner = parse_id<PrincipalId>("e1000000-0000-7000-8000-000000000001").value();
  lists.push_back({"accounts of an owner", [&] { return answer(asker, accounts_of(owner)).size(); },
                   most_accounts_of});
  for (const auto& of : {std::optional<AccountId>(), std::optional(buyer), std::optional(other)}) {
    const std::string who = !of ? "" : *of == buyer ? " of one" : " of another";
    for (const auto status : {"", "completed", "cancelled", "returned", "received"})
      add("purchases " + std::string(status) + who, [=] {
        return list_purchases({.buyer = of, .status = parse_purchase_status(status)},
                              some(PurchaseId{}));
      });
    for (const bool closed : {false, true})
      for (int status = -1; status <= static_cast<int>(DeliveryStatus::last); ++status) {
        DeliveryFilter filter{.include_closed = closed, .buyer = of};
        if (status >= 0) filter.status = static_cast<DeliveryStatus>(status);
        const std::string name = "deliveries " + std::string(closed ? "with closed " : "") +
                                 std::string(filter.status ? to_string(*filter.status) : "") + who;
        add(
            name, [=] { return list_deliveries(filter, some(PurchaseId{})); },
            filter.status && !is_closed(*filter.status) ? most_rows_of_search
                                                        : most_ends * (limit + 1));
        filter.carrier = "CJ대한통운";
        add(
            name + " of a carrier", [=] { return list_deliveries(filter, some(PurchaseId{})); },
            most_rows_of_search);
      }
  }
  for (const auto kind : {EntityKind::account, EntityKind::product})
    add("events of a product, asked for as " + std::string(to_string(kind)), [=] {
      return history_of({kind, many_events}, some(EventId{}));
    });
  add("events of anything", [&] { return events_of(many_events, some(EventId{})); });
  const auto add_row = [&](const std::string& name, auto query) {
    lists.push_back({name, [&asker, query] { return answer(asker, query()) ? 1u : 0u; }, 2});
  };
  add_row("account by name", [&] { return account_by_name(hong.person.name); });
  add_row("account by id", [&] { return account_by_id(hong.account); });
  add_row("purchase by id", [&] { return purchase_by_id(parse_id<PurchaseId>(one_sale).value()); });
  add_row("delivery by id", [&] { return delivery_by_id(parse_id<PurchaseId>(one_sale).value()); });
  add_row("product by name", [&] { return product_by_name(keyboard.name); });
  for (const auto kind : {EntityKind::account, EntityKind::product})
    add_row("last event of a product, asked for as " + std::string(to_string(kind)), [=] {
      return last_event_of({kind, many_events}, last_of_all);
    });
  // Plans are made while the tables are all but empty.
  for (const List& list : lists) list.ask();

  const std::string one = "'" + std::string(one_buyer) + "'::uuid";
  const std::string another = "'" + std::string(other_buyer) + "'::uuid";
  tables.run(
      deliveries_sql(1, 30, one, "returned-to-sender", true) +
      deliveries_sql(100, 30, one, "preparing", false) +
      deliveries_sql(200, 30, another, "delivered", false, "CJ대한통운") +
      deliveries_sql(300, 30, another, "cancelled", true) +
      deliveries_sql(1'000, 6'000, one, "receipt-confirmed", true) +
      deliveries_sql(10'000, 6'000, sql_id("a2", "n"), "in-transit", false) +
      "INSERT INTO accounts_1.accounts SELECT " + sql_id("a3", "n") +
      ", 'kim ' || n, '', '', '', 'buyer', '', now(), CASE WHEN n % 100 > 0 THEN now() END, "
      "CASE WHEN n % 10 = 0 THEN 'e1000000-0000-7000-8000-000000000001'::uuid END, 1, 0 FROM "
      "generate_series(1, 5000) n; "
      "INSERT INTO products_1.products SELECT " +
      sql_id("b3", "n") +
      ", 'kim ' || n, 1, 'KRW', 0, '', now(), CASE WHEN n % 100 > 0 THEN now() END, NULL, 1, 0 "
      "FROM generate_series(1, 5000) n; "
      "INSERT INTO history_1.history SELECT 'b1000000-0000-7000-8000-000000000001', 1, n, "
      "t.event FROM generate_series(1, 5000) n, jangbu.history t WHERE t.entity_kind = 'product'");

  std::size_t shown = 0;
  for (const List& list : lists) {
    INFO(list.name);
    const std::size_t before = server.log_text().size();
    shown += list.ask();
    std::string plan;
    wait_until("the plan", [&] {
      plan = server.log_text().substr(before);
      return plan.find("checkpoints c") != plan.npos && plan.back() == '\n';
    });
    INFO(plan);
    CHECK(plan.find("Seq Scan on deliveries") == plan.npos);
    CHECK(rows_read(plan) <= list.most_rows);
    // Index entries that were passed over count, too: an index page holds some hundred of them.
    CHECK(pages_read(plan) <= 40 + list.most_rows);
  }
  CHECK(shown > 500);
}

TEST_CASE("deliveries of an open status, or a carrier, are found, a bounded search at a time",
          "[lists]") {
  const bool by_carrier = GENERATE(false, true);
  DeliveryFilter filter;
  if (by_carrier)
    filter.carrier = "CJ대한통운";
  else
    filter.status = DeliveryStatus::preparing;
  const Tables tables(shared_postgres());
  const std::string one = "'" + std::string(one_buyer) + "'::uuid";
  tables.run(deliveries_sql(1, 30, one, "preparing", false, "CJ대한통운") +
             deliveries_sql(100, most_searched, one, "cancelled", true) +
             deliveries_sql(50'000, 2 * most_searched - 30, one, "in-transit", false) +
             deliveries_sql(100'000, 30, one, "preparing", false, "CJ대한통운"));
  Asker asker(tables.conninfo);
  for (const auto& buyer : {std::optional<AccountId>(), parse_id<AccountId>(one_buyer)}) {
    std::vector<std::size_t> pages;
    std::set<PurchaseId> found;
    for (From<PurchaseId> from{.limit = limit}; pages.size() < 10;) {
      filter.buyer = buyer;
      const auto page = answer(asker, list_deliveries(filter, from));
      for (const DeliverySummary& row : page.items) CHECK(found.insert(row.id).second);
      pages.push_back(page.items.size());
      CHECK(page.searched_to.has_value() == (page.more && page.items.empty()));
      if (!page.more) break;
      from.after = page.searched_to ? page.searched_to->id : page.items.back().id;
    }
    // Ten of the newest thirty are on the second page, whose search ends before it finds another;
    // the third finds none; the last page's search begins where the third's ended.
    CHECK(pages == std::vector<std::size_t>{20, 10, 0, 20, 10});
    CHECK(found.size() == 60);
  }
}

TEST_CASE("a page ends at a mebibyte, and PostgreSQL sends no more", "[lists]") {
  const Tables tables(shared_postgres());
  constexpr int rows = 60;
  // 100 lines of about 800 bytes each: as large as a purchase can be, and hard to compress.
  const std::string line =
      "'[\"' || gen_random_uuid() || '\",\"' || (SELECT string_agg(md5(random()::text || i || l), "
      "'') FROM generate_series(1, 20) i) || '\",1,\"KRW\",1,1]'";
  tables.run("INSERT INTO purchases_1.purchases SELECT " + sql_id("c0", "n") + ", " +
             sql_id("a0", "1") + ", now(), 0, 'KRW', '', '', '', (SELECT '[' || string_agg(" +
             line +
             ", ',') || ']' FROM generate_series(1, 100) l), '~', NULL, 1, 0 "
             "FROM generate_series(1, " +
             std::to_string(rows) + ") n");
  Asker asker(tables.conninfo);

  std::set<PurchaseId> seen;
  int pages = 0;
  for (From<PurchaseId> from{.limit = 100};; ++pages) {
    const auto query = list_purchases({}, from);
    // As it is sent: what is shown, and one that tells that there is more.
    const pg::Statement text{"page", in_schema(query.text->sql, "purchases_1")};
    pg::Connection connection({.conninfo = tables.conninfo});
    const auto sent = connection.execute({&text, query.params});

    const auto page = answer(asker, query);
    CHECK(PQntuples(sent.get()) == static_cast<int>(page.items.size() + (page.more ? 1 : 0)));
    CHECK(page.items.size() < 20);
    for (const PurchaseRow& row : page.items) CHECK(seen.insert(row.id).second);
    if (!page.more) break;
    CHECK(page.items.size() > 10);
    from.after = page.items.back().id;
  }
  CHECK(seen.size() == rows);
  CHECK(pages >= 3);
}

TEST_CASE("a single row waits for no list", "[lists]") {
  const Tables tables(shared_postgres());
  // Lists that wait for the lock may do so for as long as the test takes.
  Asker asker({.conninfo = tables.conninfo, .answer_timeout = 60s});

  SECTION("whose table is locked") {
    pg::Connection holder({.conninfo = tables.conninfo});
    pg::Transaction held(holder);
    holder.run("LOCK TABLE purchases_1.purchases IN ACCESS EXCLUSIVE MODE");
    std::atomic<int> answered = 0;
    constexpr int lists = 50;
    for (int i = 0; i < lists; ++i)
      asker.query<Page<PurchaseRow>>(list_purchases({}, {}), {}, [&](const auto&) { ++answered; });
    CHECK(answer(asker, account_by_id(hong.account)));
    CHECK(answer(asker, product_by_name(keyboard.name)));
    CHECK(answered == 0);
    held.commit();
    wait_until("the lists", [&] { return answered == lists; });
  }
  SECTION("that is being put into words") {
    std::promise<void> row_came, list_came;
    asker.query<Page<AccountRow>>(list_accounts({}), {}, [&](const auto&) {
      list_came.set_value();
      row_came.get_future().wait_for(20s);
    });
    list_came.get_future().wait();
    CHECK(answer(asker, account_by_id(hong.account)));
    row_came.set_value();
  }
}

}  // namespace jangbu::test
