#include "tests/e2e/replay.hpp"

#include <stdexcept>

#include "infra/eventlog/jetstream_log.hpp"
#include "infra/postgres/connection.hpp"
#include "projections/writing/checkpoints.hpp"
#include "projections/writing/projector.hpp"

namespace jangbu::test {

namespace {

std::unique_ptr<JetStreamLog> log_of(const Shop& shop) {
  return JetStreamLog::connect({.url = shop.nats.url(), .monitor_url = {}}, 10s);
}

Tables rows_in(const std::string& database, Position end) {
  pg::Connection connection({.conninfo = database});
  wait_until(
      "the read models to reach " + std::to_string(end.value),
      [&] {
        const auto checkpoints = read_checkpoints(connection);
        return std::ranges::all_of(read_models(), [&](const ReadModel* model) {
          const Checkpoint* serving = serving_generation(checkpoints, *model);
          return serving && serving->position == end;
        });
      },
      60s);
  Tables tables;
  for (const ReadModel* model : read_models()) {
    const std::string table = "jangbu." + std::string(model->name);
    const auto result = connection.run("SELECT t::text FROM " + table + " t ORDER BY 1");
    auto& rows = tables[std::string(model->name)];
    for (int i = 0; i < PQntuples(result.get()); ++i)
      rows.emplace_back(PQgetvalue(result.get(), i, 0));
  }
  return tables;
}

}  // namespace

Tables projected_rows(Shop& shop) {
  return rows_in(shop.database, log_of(shop)->last());
}

Tables replayed_rows(Shop& shop) {
  const auto log = log_of(shop);
  const std::string database = shop.postgres.create_database();
  const Projector projector(*log, {.conninfo = database});
  return rows_in(database, log->last());
}

}  // namespace jangbu::test
