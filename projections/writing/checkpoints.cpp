#include "projections/writing/checkpoints.hpp"

namespace jangbu {

namespace {

bool exists(pg::Connection& connection) {
  const auto found = connection.run("SELECT 1 WHERE to_regclass('jangbu.checkpoints') IS NOT NULL");
  return PQntuples(found.get()) == 1;
}

GenerationState parse_state(std::string_view text) {
  for (const auto state :
       {GenerationState::building, GenerationState::serving, GenerationState::retired})
    if (to_string(state) == text) return state;
  throw Corrupt("jangbu.checkpoints holds an unknown state: " + std::string(text));
}

}  // namespace

std::string_view to_string(GenerationState state) {
  switch (state) {
    case GenerationState::building:
      return "building";
    case GenerationState::serving:
      return "serving";
    case GenerationState::retired:
      return "retired";
  }
  return "";
}

pg::Call tell_who_waits() {
  static const pg::Statement notify{"checkpoints.notify", "SELECT pg_notify($1, '')"};
  return {&notify, pg::Params::of(checkpoints_channel)};
}

const pg::Statement select_checkpoints{
    "checkpoints.select",
    "SELECT read_model, generation, fingerprint, state, position, commit_id, parked "
    "FROM jangbu.checkpoints ORDER BY read_model, generation"};

std::vector<Checkpoint> read_checkpoints(const PGresult* result) {
  std::vector<Checkpoint> checkpoints;
  for (int i = 0; i < PQntuples(result); ++i) {
    pg::Row row(result, i);
    checkpoints.push_back({
        .read_model = row.next<std::string>(),
        .generation = row.next<std::int32_t>(),
        .fingerprint = row.next<std::string>(),
        .state = parse_state(row.next<std::string>()),
        .position = row.next<Position>(),
        .commit_id = row.next_optional<CommitId>(),
        .parked = row.next<std::int32_t>(),
    });
  }
  return checkpoints;
}

std::vector<Checkpoint> read_checkpoints(pg::Connection& connection) {
  if (!exists(connection)) return {};
  return read_checkpoints(connection.execute({&select_checkpoints, {}}).get());
}

const Checkpoint* serving_generation(std::span<const Checkpoint> checkpoints,
                                     const ReadModel& model) {
  const std::string mark = fingerprint(model);
  for (const Checkpoint& checkpoint : checkpoints)
    if (checkpoint.read_model == model.name && checkpoint.fingerprint == mark &&
        checkpoint.state == GenerationState::serving)
      return &checkpoint;
  return nullptr;
}

std::optional<std::string> contradiction(std::span<const Checkpoint> checkpoints, EventLog& log) {
  for (const Checkpoint& checkpoint : checkpoints) {
    if (checkpoint.position == Position{}) continue;
    const auto commit = log.read(checkpoint.position);
    const std::string place = "the read model " + checkpoint.read_model + " (generation " +
                              std::to_string(checkpoint.generation) + ") has seen position " +
                              std::to_string(checkpoint.position.value);
    if (!commit) return place + ", where the log has no commit: the log's end was lost";
    if (commit->id != checkpoint.commit_id)
      return place + ", where the log has another commit now: it is not the log that was projected";
  }
  return std::nullopt;
}

}  // namespace jangbu
