// How many events a second the projector writes into all read models, and how many queries a second
// come back; on a private PostgreSQL with its usual durability.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <semaphore>
#include <string>

#include "projections/tables/accounts.hpp"
#include "projections/tables/products.hpp"
#include "projections/tables/purchases.hpp"
#include "tests/projections/histories.hpp"
#include "tests/projections/support.hpp"

namespace jangbu::test {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void add(EventLog& log, std::uint64_t number, const Commit& commit) {
  CommitId id;
  for (std::size_t i = 0; i < 8; ++i) id.bytes[i] = static_cast<std::uint8_t>(number >> (8 * i));
  log.append(Position{number - 1}, id, encode_commit(commit), std::chrono::seconds(1));
}

template <class T>
void ask_into(ReadModels& read_models, Query<T> query, std::counting_semaphore<>& free,
              std::atomic<int>& failed) {
  read_models.query<T>(std::move(query), {}, [&](const QueryResult<T>& result) {
    if (!std::holds_alternative<Answer<T>>(result)) ++failed;
    free.release();
  });
}

// `in_flight` queries at any time, until there were `total`.
template <class MakeQuery>
double queries_a_second(ReadModels& read_models, int total, int in_flight, MakeQuery make_query) {
  std::counting_semaphore<> free(in_flight);
  std::atomic<int> failed = 0;
  const auto start = Clock::now();
  for (int i = 0; i < total; ++i) {
    free.acquire();
    ask_into(read_models, make_query(i), free, failed);
  }
  for (int i = 0; i < in_flight; ++i) free.acquire();
  if (failed) std::printf("%d queries failed\n", failed.load());
  return total / seconds_since(start);
}

void measure() {
  constexpr int commits = 4'000;
  constexpr int events_a_commit = 100;
  PostgresServer server({"shared_buffers=512MB", "max_wal_size=4GB"});
  const std::string conninfo = server.create_database();

  MemoryLog log;
  Histories histories(1);
  const Commit opening = histories.open_shop(1'000, 10'000);
  std::vector<AccountId> accounts;
  for (const auto& recorded : opening.events)
    if (const auto* opened = std::get_if<AccountOpened>(&recorded.event))
      accounts.push_back(opened->state.account);
  std::vector<PurchaseId> purchases;
  add(log, 1, opening);
  for (std::uint64_t number = 2; number < 2 + commits; ++number) {
    Commit commit{opening.committed_at, {}};
    for (int i = 0; i < events_a_commit; ++i) {
      commit.events.push_back(histories.purchase());
      if (number % 10 == 0)
        purchases.push_back(std::get<PurchaseCompleted>(commit.events.back().event).purchase);
    }
    add(log, number, commit);
  }

  const auto start = Clock::now();
  {
    const Projector projector(log, {.conninfo = conninfo});
    wait_until(
        "the projector", [&] { return projector.status().position == log.last(); },
        std::chrono::seconds(120));
    std::printf("%-44s %10.0f /s\n", "purchases projected into all read models",
                commits * events_a_commit / seconds_since(start));
  }

  Asker asker(conninfo);
  for (const int in_flight : {1, 16, 64, 256}) {
    const auto by_id =
        queries_a_second(asker, 100'000 / (in_flight == 1 ? 10 : 1), in_flight, [&](int i) {
          return account_by_id(accounts[static_cast<std::size_t>(i) % accounts.size()]);
        });
    const auto purchase =
        queries_a_second(asker, 100'000 / (in_flight == 1 ? 10 : 1), in_flight, [&](int i) {
          return purchase_by_id(purchases[static_cast<std::size_t>(i) % purchases.size()]);
        });
    const auto lists = queries_a_second(asker, 10'000, in_flight,
                                        [&](int) { return list_purchases({}, {.limit = 20}); });
    std::printf("%-20s %3d in flight: %10.0f accounts/s %10.0f purchases/s %10.0f lists of 20/s\n",
                "queries", in_flight, by_id, purchase, lists);
  }
}

}  // namespace

}  // namespace jangbu::test

int main() {
  jangbu::test::measure();
}
