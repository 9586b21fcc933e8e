// Rebuilding while everything goes on, whatever breaks in between.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "projections/tables/accounts.hpp"
#include "projections/tables/deliveries.hpp"
#include "projections/tables/purchases.hpp"
#include "projections/tables/registry.hpp"
#include "projections/writing/comparison.hpp"
#include "projections/writing/generations.hpp"
#include "projections/writing/rebuild.hpp"
#include "tests/golden/story.hpp"
#include "tests/projections/histories.hpp"
#include "tests/projections/support.hpp"
#include "tests/support/claims.hpp"
#include "tests/support/samples.hpp"

namespace jangbu::test {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

namespace {

using Stage = RebuildProgress::Stage;

// A shop with some history, and its read models.
struct Projected {
  MemoryLog log;
  std::string conninfo = shared_postgres().create_database();

  explicit Projected(std::uint32_t seed, std::size_t commits = 60) {
    append_history(log, seed, commits);
    project(log, conninfo);
  }

  Rebuilt rebuild(const ReadModel& model = deliveries_model) {
    return Rebuild(log, {.conninfo = conninfo}).rebuild(model);
  }
  void run(const std::string& sql) { pg::Connection({.conninfo = conninfo}).run(sql); }
};

// `state` of every generation of the read model, as "1 retired, 2 serving".
std::string generations_of(const std::string& conninfo, const ReadModel& model) {
  std::string text;
  for (const Checkpoint& checkpoint : checkpoints_in(conninfo))
    if (checkpoint.read_model == model.name)
      text += (text.empty() ? "" : ", ") + std::to_string(checkpoint.generation) + " " +
              std::string(to_string(checkpoint.state));
  return text;
}

std::string schemas_of(const std::string& conninfo, const ReadModel& model) {
  pg::Connection connection({.conninfo = conninfo});
  const auto found = connection.run(
      "SELECT coalesce(string_agg(nspname, ' ' ORDER BY nspname), '') FROM pg_namespace "
      "WHERE nspname LIKE '" +
      std::string(model.name) + "\\_%'");
  return PQgetvalue(found.get(), 0, 0);
}

// Sells and sells. In a thread of its own, where Catch2's assertions must not be.
class Sales {
 public:
  explicit Sales(EventLog& log) : log_(log) { add(histories_.open_shop(20, 5)); }

  // Five events or a few more: the last is the purchase that this answers with.
  PurchaseId sell() {
    Commit commit{opening, {}};
    const PurchaseCompleted* last = nullptr;
    while (!last || commit.events.size() < 5) {
      commit.events.push_back(histories_.trade());
      last = std::get_if<PurchaseCompleted>(&commit.events.back().event);
    }
    add(commit);
    return last->purchase;
  }

 private:
  void add(const Commit& commit) {
    const Position at = log_.last();
    const auto number = static_cast<unsigned>(at.value) + 1;
    std::get<Appended>(log_.append(at, {id<CommitId>(number), encode_commit(commit)}, 5s));
  }

  EventLog& log_;
  Histories histories_{77};
};

// Reads one delivery again and again, each time as of what it has seen.
struct Reader {
  int reads = 0, failed = 0, missed = 0, went_back = 0;

  void run(ReadModels& read_models, const PurchaseId& known, const std::atomic<bool>& stop) {
    using Result = QueryResult<std::optional<DeliveryRow>>;
    Position seen;
    while (!stop) {
      auto told = std::make_shared<std::promise<Result>>();
      read_models.query<std::optional<DeliveryRow>>(
          delivery_by_id(known), {.min_position = seen, .wait = 10s},
          [told](Result result) { told->set_value(std::move(result)); });
      const Result result = told->get_future().get();
      ++reads;
      if (const auto* answer = std::get_if<Answer<std::optional<DeliveryRow>>>(&result)) {
        if (!answer->value) ++missed;
        if (answer->position < seen) ++went_back;
        seen = answer->position;
      } else {
        ++failed;
      }
    }
  }
};

struct StopAtTheEnd {
  std::atomic<bool>& stop;
  ~StopAtTheEnd() { stop = true; }
};

// Kills this process when a rebuild of the model gets to a stage. In a process of its own.
void be_killed_at(Stage stage, EventLog& log, const std::string& conninfo, const ReadModel& model) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    Rebuild rebuild(log, {.conninfo = conninfo, .on_progress = [&](const RebuildProgress& at) {
                            if (at.stage == stage) ::raise(SIGKILL);
                          }});
    try {
      rebuild.rebuild(model);
    } catch (...) {
    }
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(WIFSIGNALED(status));
}

constexpr Stage stages[] = {Stage::loading, Stage::indexing, Stage::comparing, Stage::swapping};

}  // namespace

TEST_CASE("a rebuild under load takes over without a failed read", "[under_load]") {
  MemoryLog log;
  const std::string conninfo = shared_postgres().create_database();
  const Projector projector(log, {.conninfo = conninfo});
  Sales sales(log);
  for (int i = 0; i < 1'100; ++i) sales.sell();
  wait_until_projected(projector, log);

  const PurchaseId known = sales.sell();
  wait_until_projected(projector, log);
  std::atomic<bool> stop = false;
  std::atomic<std::uint64_t> enough = 0;
  std::jthread buying([&] {
    // As much as the projector can take, and a little more. But where processors are scarce a log
    // that grows as long as a rebuild takes would make the next one take longer still, without end.
    constexpr std::uint64_t most_ahead = 500;
    const auto may_sell = [&] {
      const std::uint64_t last = log.last().value;
      return stop || (last < enough && last < projector.status().position.value + most_ahead);
    };
    while (!stop) {
      wait_until("the projector to come near, or the next rebuild", may_sell, 300s);
      sales.sell();
    }
  });
  Asker asker(conninfo);
  Reader readers[2];
  std::vector<std::jthread> reading;
  for (Reader& reader : readers) reading.emplace_back([&] { reader.run(asker, known, stop); });
  const StopAtTheEnd whatever_happens{stop};  // the threads that are joined then wait for it
  std::vector<Rebuilt> done;
  for (int i = 0; i < 3; ++i) {
    const std::uint64_t before = log.last().value;
    enough = before + 5'000;
    done.push_back(Rebuild(log, {.conninfo = conninfo}).rebuild(deliveries_model));
    CHECK(log.last().value > before + 100);  // they did sell meanwhile
  }
  stop = true;
  reading.clear();
  buying.join();

  for (const Rebuilt& rebuilt : done) {
    CHECK(rebuilt.comparison.equal());
    CHECK(rebuilt.comparison.first.rows > 1'000);
    CHECK(rebuilt.position >= rebuilt.comparison.position);
  }
  for (const Reader& reader : readers) {
    CHECK(reader.reads > 100);
    CHECK(reader.failed == 0);
    CHECK(reader.missed == 0);
    CHECK(reader.went_back == 0);
  }
  CHECK(generations_of(conninfo, deliveries_model) == "3 retired, 4 serving");
  CHECK(schemas_of(conninfo, deliveries_model) == "deliveries_3 deliveries_4");
  wait_until_projected(projector, log);
  CHECK(dump(conninfo) == replayed(log, 1'000));
}

TEST_CASE("what is done with a read model gives its locks back at once", "[rebuild]") {
  Projected shop(39);
  pg::Connection looking({.conninfo = shop.conninfo});
  const auto locks = [&] {
    const auto found = looking.run(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = "
        "(SELECT oid FROM pg_database WHERE datname = current_database())");
    return std::string(PQgetvalue(found.get(), 0, 0));
  };
  Rebuild rebuild(shop.log, {.conninfo = shop.conninfo});
  wait_until("the projector's to go with its session", [&] { return locks() == "0"; });
  for (int i = 0; i < 5; ++i) {
    rebuild.diff(deliveries_model);
    CHECK(locks() == "0");
    rebuild.rebuild(deliveries_model);
    CHECK(locks() == "0");
    rebuild.rollback(deliveries_model);
    CHECK(locks() == "0");
  }
}

TEST_CASE("a rebuild tells what was wrong, and puts it right", "[rebuild]") {
  Projected shop(31, 200);
  shop.run(
      "UPDATE deliveries_1.deliveries SET recipient = 'nobody' WHERE id = "
      "(SELECT min(id::text)::uuid FROM deliveries_1.deliveries)");
  shop.run(
      "DELETE FROM deliveries_1.deliveries WHERE id = "
      "(SELECT max(id::text)::uuid FROM deliveries_1.deliveries)");
  shop.run(
      "INSERT INTO deliveries_1.deliveries SELECT '01900000-0000-7000-8000-000000000000', "
      "buyer_id, opened_at, recipient, address_line, zip_code, items, ended, closed_at, carrier, "
      "scans, status, scan_count, last_scan, version_position, version_index "
      "FROM deliveries_1.deliveries LIMIT 1");

  const Comparison seen = Rebuild(shop.log, {.conninfo = shop.conninfo}).diff(deliveries_model);
  const Rebuilt done = shop.rebuild();
  for (const Comparison& comparison : {seen, done.comparison}) {
    CHECK_FALSE(comparison.equal());
    CHECK(comparison.added == 1);
    CHECK(comparison.removed == 1);
    CHECK(comparison.changed == 1);
    CHECK(comparison.position == shop.log.last());
    REQUIRE(comparison.differences.size() == 3);
    for (const RowDifference& difference : comparison.differences) {
      CHECK(difference.event.position > Position{});
      if (difference.first.empty() || difference.second.empty()) continue;
      CHECK_THAT(difference.first, ContainsSubstring(R"("recipient":"nobody")"));
      CHECK_THAT(difference.second, !ContainsSubstring("nobody"));
    }
  }
  CHECK(dump(shop.conninfo) == replayed(shop.log, 1'000));
  CHECK(Rebuild(shop.log, {.conninfo = shop.conninfo}).diff(deliveries_model).equal());
  CHECK(schemas_of(shop.conninfo, deliveries_model) == "deliveries_1 deliveries_2");
}

TEST_CASE("every read model equals its replay", "[rebuild]") {
  Projected shop(32, 100);
  Rebuild rebuild(shop.log, {.conninfo = shop.conninfo, .load = {.events = 37}});
  for (const ReadModel* model : read_models()) {
    CAPTURE(model->name);
    const Comparison comparison = rebuild.diff(*model);
    CHECK(comparison.equal());
    CHECK(comparison.first.rows > 0);
    CHECK(comparison.first == comparison.second);
  }
}

TEST_CASE("one batch changes more rows than one statement takes", "[rebuild]") {
  MemoryLog log;
  constexpr unsigned products = 2 * pg::BulkRows::most_in_part + 1;
  std::vector<Event> listed, changed;
  ProductState product = tea;
  for (unsigned i = 0; i < products; ++i) {
    product.product = id<ProductId>(i + 1);
    product.name = "no. " + std::to_string(i);
    listed.push_back(ProductListed{product});
    product.stock = i;
    changed.push_back(StockChanged{product, 1, "counted"});
  }
  append(log, listed);
  append(log, changed);
  const std::string loaded = shared_postgres().create_database();
  SECTION("new rows, and changes to them") {
    Rebuild(log, {.conninfo = loaded, .load = {.events = products}}).prepare(read_models());
  }
  SECTION("as a projector does it") {
    project(log, loaded, products);
  }
  pg::Connection connection({.conninfo = loaded});
  const auto found = connection.run("SELECT count(*), sum(stock) FROM jangbu.products");
  CHECK(PQgetvalue(found.get(), 0, 0) == std::to_string(products));
  CHECK(PQgetvalue(found.get(), 0, 1) == std::to_string(products * (products - 1ULL) / 2));
  const auto events = connection.run("SELECT count(*) FROM jangbu.history");
  CHECK(PQgetvalue(events.get(), 0, 0) == std::to_string(2 * products));
}

TEST_CASE("several read models are loaded over two connections, one over one", "[rebuild]") {
  MemoryLog log;
  append_history(log, 33, 20);
  const std::string conninfo = shared_postgres().create_database();
  const auto models = GENERATE(std::size_t{1}, std::size_t{2}, std::size_t{5});
  int writing = 0;
  const auto count_sessions = [&](const RebuildProgress& progress) {
    if (progress.stage != Stage::loading || progress.position < progress.target) return;
    const auto found = pg::Connection({.conninfo = conninfo})
                           .run(
                               "SELECT count(*) FROM pg_stat_activity WHERE datname = "
                               "current_database() AND application_name LIKE 'jangbu%' AND "
                               "backend_xid IS NOT NULL");
    writing = std::atoi(PQgetvalue(found.get(), 0, 0));
  };
  Rebuild(log, {.conninfo = conninfo, .on_progress = count_sessions})
      .prepare(read_models().first(models));
  CHECK(writing == (models == 1 ? 1 : 2));
}

// Else 200,000 events of 15 KiB would be in memory at once.
TEST_CASE("a batch is full when it has so many bytes, however few its events are", "[rebuild]") {
  MemoryLog log;
  ProductState large = tea;
  large.description.assign(5'000, 'x');
  for (unsigned i = 0; i < 40; ++i) {
    large.product = id<ProductId>(i + 1);
    append(log, {ProductListed{large}});
  }
  constexpr std::size_t bytes = 32 * 1024;
  Batches batches(log, {}, {.events = 1'000, .bytes = bytes});
  std::size_t count = 0;
  Position at;
  while (at < log.last()) {
    const Batch batch = batches.full(log.last());
    CHECK(batch.commits.front().position == at.next());
    CHECK(batch.bytes < bytes + 6'000);
    CHECK(batch.events <= 7);
    at = batch.last().position;
    ++count;
  }
  CHECK(count == 6);
  // A commit that is more than all of it is a batch, too.
  CHECK(Batches(log, {}, {.events = 1'000, .bytes = 1}).full(log.last()).commits.size() == 1);
}

TEST_CASE("the generation before comes back", "[rebuild]") {
  Projected shop(33);
  CHECK_THROWS_MATCHES(Rebuild(shop.log, {.conninfo = shop.conninfo}).rollback(deliveries_model),
                       CannotRebuild, MessageMatches(ContainsSubstring("no earlier generation")));
  shop.rebuild();
  append_history(shop.log, 34, 20);
  project(shop.log, shop.conninfo);
  const Rebuilt back = Rebuild(shop.log, {.conninfo = shop.conninfo}).rollback(deliveries_model);
  CHECK(back.generation == 1);
  CHECK(back.before == 2);
  CHECK(back.comparison.equal());
  CHECK(generations_of(shop.conninfo, deliveries_model) == "1 serving, 2 retired");
  append_history(shop.log, 35, 20);
  project(shop.log, shop.conninfo);
  CHECK(dump(shop.conninfo) == replayed(shop.log, 1'000));

  SECTION("and is the one to come back to after the next rebuild") {
    CHECK(shop.rebuild().before == 1);
    CHECK(generations_of(shop.conninfo, deliveries_model) == "1 retired, 3 serving");
    CHECK(Rebuild(shop.log, {.conninfo = shop.conninfo}).rollback(deliveries_model).generation ==
          1);
  }
}

TEST_CASE("a rebuild that is killed leaves the old generation serving", "[rebuild]") {
  for (const Stage stage : stages) {
    CAPTURE(to_string(stage));
    Projected shop(36);
    const auto before = dump(shop.conninfo);
    be_killed_at(stage, shop.log, shop.conninfo, deliveries_model);
    CHECK(dump(shop.conninfo) == before);
    CHECK(checkpoints_in(shop.conninfo).size() <= read_models().size() + 1);
    CHECK(serving_generation(checkpoints_in(shop.conninfo), deliveries_model)->generation == 1);

    SECTION("and the next start cleans up after " + std::string(to_string(stage))) {
      append_history(shop.log, 37, 10);
      const Projector projector(shop.log, {.conninfo = shop.conninfo});
      wait_until_projected(projector, shop.log);
      wait_until("the rest to be removed",
                 [&] { return schemas_of(shop.conninfo, deliveries_model) == "deliveries_1"; });
      CHECK(generations_of(shop.conninfo, deliveries_model) == "1 serving");
      CHECK(dump(shop.conninfo) == replayed(shop.log, 1'000));
    }
    SECTION("and the next rebuild carries on after " + std::string(to_string(stage))) {
      // The killed one's session may take a moment to end.
      wait_until("the locks", [&] {
        try {
          return shop.rebuild().comparison.equal();
        } catch (const AlreadyRebuilding&) {
          return false;
        }
      });
      CHECK(generations_of(shop.conninfo, deliveries_model) == "1 retired, 2 serving");
      CHECK(dump(shop.conninfo) == before);
    }
  }
}

TEST_CASE("PostgreSQL is killed at any step of a rebuild", "[rebuild]") {
  PostgresServer server;
  for (const Stage stage : stages) {
    CAPTURE(to_string(stage));
    const std::string conninfo = server.create_database();
    MemoryLog log;
    append_history(log, 38, 40);
    project(log, conninfo);
    Rebuild rebuild(log, {.conninfo = conninfo, .on_progress = [&](const RebuildProgress& at) {
                            if (at.stage == stage) server.kill();
                          }});
    CHECK_THROWS_AS(rebuild.rebuild(deliveries_model), Unavailable);
    server.start();
    CHECK(serving_generation(checkpoints_in(conninfo), deliveries_model)->generation == 1);
    CHECK(Rebuild(log, {.conninfo = conninfo}).rebuild(deliveries_model).comparison.equal());
    CHECK(schemas_of(conninfo, deliveries_model) == "deliveries_1 deliveries_2");
    CHECK(dump(conninfo) == replayed(log, 1'000));
  }
}

TEST_CASE("somebody who reads the view makes the swap wait, and nothing else", "[rebuild]") {
  Projected shop(47);
  pg::Connection reader({.conninfo = shop.conninfo});
  reader.run("BEGIN; SELECT count(*) FROM jangbu.deliveries");
  int swaps = 0;
  Rebuild rebuild(shop.log, {.conninfo = shop.conninfo, .on_progress = [&](const auto& at) {
                               if (at.stage != Stage::swapping || ++swaps != 2) return;
                               // The first try gave up, and let go of what it held.
                               append_history(shop.log, 48, 5);
                               CHECK(generations_of(shop.conninfo, deliveries_model) ==
                                     "1 serving, 2 building");
                               reader.run("COMMIT");
                             }});
  CHECK(rebuild.rebuild(deliveries_model).comparison.equal());
  CHECK(swaps == 2);
  CHECK(generations_of(shop.conninfo, deliveries_model) == "1 retired, 2 serving");
  project(shop.log, shop.conninfo);
  CHECK(dump(shop.conninfo) == replayed(shop.log, 1'000));
}

TEST_CASE("two rebuilds of one read model do not meet", "[rebuild]") {
  Projected shop(39);
  pg::Connection other({.conninfo = shop.conninfo});
  REQUIRE(try_lock(other, lock_to_rebuild("deliveries")));
  CHECK_THROWS_AS(shop.rebuild(), AlreadyRebuilding);
  CHECK(shop.rebuild(accounts_model).comparison.equal());
}

TEST_CASE("a rebuild can be stopped", "[rebuild]") {
  Projected shop(40);
  std::stop_source stop;
  Rebuild rebuild(shop.log, {.conninfo = shop.conninfo,
                             .on_progress = [&](const RebuildProgress&) { stop.request_stop(); },
                             .stop = stop.get_token()});
  CHECK_THROWS_AS(rebuild.rebuild(deliveries_model), Unavailable);
  CHECK(generations_of(shop.conninfo, deliveries_model) == "1 serving");
}

TEST_CASE("a newer build prepares its generation while the old one serves", "[rebuild]") {
  Projected shop(41);
  ReadModel newer = deliveries_model;
  newer.fold_version += 1;
  const ReadModel* models[] = {&newer};
  const auto before = dump(shop.conninfo);
  {
    const Projector old_build(shop.log, {.conninfo = shop.conninfo});
    const auto made = Rebuild(shop.log, {.conninfo = shop.conninfo}).prepare(models);
    REQUIRE(made.size() == 1);
    CHECK(made[0].schema() == "deliveries_2");
    CHECK(made[0].position == shop.log.last());
    append_history(shop.log, 42, 10);
    wait_until_projected(old_build, shop.log);
    CHECK(Rebuild(shop.log, {.conninfo = shop.conninfo}).prepare(models).empty());
  }
  CHECK(dump(shop.conninfo) != before);  // people's view still follows the old one
  CHECK(dump(shop.conninfo) == replayed(shop.log, 1'000));

  // The new build starts, and both could go on side by side.
  const Projector new_build(shop.log, {.conninfo = shop.conninfo, .models = models});
  wait_until_projected(new_build, shop.log);
  pg::Connection connection({.conninfo = shop.conninfo});
  wait_until("the view to show the new one", [&] {
    const auto shown = connection.run("SELECT pg_get_viewdef('jangbu.deliveries'::regclass)");
    return std::string(PQgetvalue(shown.get(), 0, 0)).find("deliveries_2") != std::string::npos;
  });
  CHECK(generations_of(shop.conninfo, deliveries_model) == "1 serving, 2 serving");
}

TEST_CASE("a read model as it was", "[rebuild]") {
  MemoryLog log;
  const std::string conninfo = shared_postgres().create_database();
  append_history(log, 43, 50);
  project(log, conninfo);
  const auto then = dump(conninfo).at("deliveries");
  const Position at = log.last();
  append_history(log, 44, 50);
  project(log, conninfo);

  Rebuild rebuild(log, {.conninfo = conninfo});
  const Comparison comparison = rebuild.as_of(deliveries_model, at, "deliveries_back_then");
  CHECK(comparison.position == log.last());
  CHECK(comparison.removed == 0);
  CHECK(comparison.added > 0);
  pg::Connection connection({.conninfo = conninfo});
  const auto rows = connection.run(
      "SELECT string_agg(t::text || E'\\n', '' ORDER BY t::text COLLATE \"C\") "
      "FROM deliveries_back_then.deliveries t");
  CHECK(PQgetvalue(rows.get(), 0, 0) == then);

  CHECK_THROWS_MATCHES(rebuild.as_of(deliveries_model, at, "deliveries_back_then"), CannotRebuild,
                       MessageMatches(ContainsSubstring("is there already")));
  CHECK_THROWS_MATCHES(rebuild.as_of(deliveries_model, log.last().next(), "too_early"),
                       CannotRebuild, MessageMatches(ContainsSubstring("yet to come")));
  // It is not one of the generations, and nothing removes it.
  CHECK(generations_of(conninfo, deliveries_model) == "1 serving");
}

TEST_CASE("names of schemas for people", "[rebuild]") {
  for (const char* name : {"then", "deliveries_then", "a1", "_x", "at_42_x"})
    CHECK(Rebuild::is_free_name(name));
  for (const char* name : {"", "1a", "Deliveries", "a b", "a;b", "deliveries_3", "public", "jangbu",
                           "pg_x", "information_schema"})
    CHECK_FALSE(Rebuild::is_free_name(name));
  CHECK_FALSE(Rebuild::is_free_name(std::string(64, 'a')));
}

TEST_CASE("times are found in the log", "[rebuild]") {
  MemoryLog log;
  CHECK(position_at(log, opening) == Position{});
  for (const int minutes : {1, 3, 3, 7}) append(log, Commit{after_minutes(minutes), {}});
  CHECK(position_at(log, after_minutes(0)) == Position{});
  CHECK(position_at(log, after_minutes(1)) == Position{1});
  CHECK(position_at(log, after_minutes(2)) == Position{1});
  CHECK(position_at(log, after_minutes(3)) == Position{3});
  CHECK(position_at(log, after_minutes(9)) == Position{4});
}

TEST_CASE("times are found in a log with void commits, whose own times count for nothing",
          "[rebuild]") {
  MemoryLog log;
  const std::string late = encode_commit({after_minutes(1'000'000), {}});
  const std::string early = encode_commit({Timestamp{1}, {}});
  append_void(log, seoul, late);
  append(log, Commit{after_minutes(1), {}});
  for (const std::string& payload : {late, early, std::string("no commit"), late})
    append_void(log, seoul, payload);
  append(log, Commit{after_minutes(3), {}});
  append_void(log, seoul, late);
  CHECK(position_at(log, after_minutes(0)) == Position{1});
  CHECK(position_at(log, after_minutes(1)) == Position{6});
  CHECK(position_at(log, after_minutes(2)) == Position{6});
  CHECK(position_at(log, after_minutes(3)) == Position{8});
  CHECK(position_at(log, after_minutes(2'000'000)) == Position{8});
}

namespace {

// All rows, but not where in the log they come from.
std::string rows_of(const std::string& conninfo) {
  pg::Connection connection({.conninfo = conninfo});
  std::string all;
  for (const ReadModel* model : read_models()) {
    const auto rows = connection.run(
        "SELECT coalesce(string_agg(row, E'\\n' ORDER BY row COLLATE \"C\"), '') FROM (SELECT "
        "(to_jsonb(t) - '{position,version_position}'::text[])::text AS row FROM jangbu." +
        std::string(model->name) + " t) all_rows");
    all += std::string(model->name) + ":\n" + PQgetvalue(rows.get(), 0, 0) + "\n";
  }
  return all;
}

}  // namespace

TEST_CASE("claims and void commits change no row, wherever they are", "[rebuild]") {
  const auto story = golden_story();
  MemoryLog plain;
  for (const Commit& commit : story) append(plain, commit);
  const std::string plain_conninfo = shared_postgres().create_database();
  project(plain, plain_conninfo);
  const std::string expected = rows_of(plain_conninfo);

  MemoryLog whole;
  const auto positions = append_among_claims(whole, story);
  // A projector goes on from wherever another one has stopped.
  const std::string conninfo = shared_postgres().create_database();
  MemoryLog log;
  for (const std::uint64_t end : {std::uint64_t{1}, std::uint64_t{2}, positions[2].value + 1,
                                  positions[3].value + 4, whole.last().value}) {
    while (log.last().value < end) {
      const StoredCommit next = *whole.read(log.last().next());
      log.append(log.last(), {next.id, next.payload, next.origin}, std::chrono::seconds(1));
    }
    project(log, conninfo, 1);
  }
  CHECK(rows_of(conninfo) == expected);

  Rebuild rebuild(log, {.conninfo = conninfo, .load = {.events = 1}});
  for (const ReadModel* model : read_models()) {
    CAPTURE(model->name);
    CHECK(rebuild.diff(*model).equal());
    CHECK(rebuild.rebuild(*model).comparison.equal());
  }
  CHECK(rows_of(conninfo) == expected);
  // As of a position where nothing happened, and of the event before it.
  for (const std::uint64_t behind : {1, 2, 3, 4}) {
    const std::string schema = "behind_" + std::string(behind, 'x');
    rebuild.build(accounts_model, {positions[5].value + behind}, schema);
    rebuild.build(accounts_model, positions[5], schema + "_at");
    pg::Connection connection({.conninfo = conninfo});
    CHECK(compare(connection, accounts_model, schema, schema + "_at").equal());
  }
}

TEST_CASE("a projector takes over from one that is gone", "[projector]") {
  MemoryLog log;
  const std::string conninfo = shared_postgres().create_database();
  auto first = std::make_unique<Projector>(log, Projector::Options{.conninfo = conninfo});
  wait_for(*first, Projector::State::following);
  const Projector second(log, {.conninfo = conninfo});
  wait_for(second, Projector::State::standby);
  append_history(log, 45, 20);
  wait_until_projected(*first, log);
  CHECK(second.status().state == Projector::State::standby);
  first.reset();
  append_history(log, 46, 20);
  wait_until("the other one", [&] { return second.status().position == log.last(); });
  CHECK(second.status().state == Projector::State::following);
  CHECK(dump(conninfo) == replayed(log, 1'000));
}

}  // namespace jangbu::test
