#include "projections/tables/history.hpp"

#include <algorithm>
#include <variant>

#include "tables_sql.hpp"

namespace jangbu {

namespace {

// --- Fold ----------------------------------------------------------------------------------------

constexpr std::string_view add_sql = R"(
INSERT INTO {schema}.history
SELECT unnest($1::uuid[]), unnest($2::bigint[]), unnest($3::int[]), unnest($4::text[]),
       unnest($5::text[]), unnest($6::int[]), unnest($7::timestamptz[]),
       unnest($8::bytea[]))";

class HistoryFold final : public Fold {
 public:
  explicit HistoryFold(std::string_view schema)
      : add_{std::string(schema) + ".add", in_schema(add_sql, schema)} {}

  void apply(EventId id, const RecordedEvent& recorded) override {
    // It is about an entity, but nothing that happened to it.
    if (std::holds_alternative<NothingChanged>(recorded.event)) return;
    events_.emplace_back(id, &recorded);
  }

  std::vector<Change> take(const Wanted& wanted) override {
    pg::Array<EntityId> entities;
    pg::Array<Position> positions;
    pg::Array<std::int32_t> indexes, versions;
    pg::Array<std::string> kinds, types;
    pg::Array<Timestamp> occurred;
    pg::Array<pg::Blob> bytes;
    for (const auto& [id, recorded] : std::exchange(events_, {})) {
      const Entity entity = entity_of(recorded->event);
      if (wanted && !wanted(entity.id)) continue;
      const WireType wire = wire_type(recorded->event);
      entities.push(entity.id);
      positions.push(id.position);
      indexes.push(static_cast<std::int32_t>(id.index));
      kinds.push(to_string(entity.kind));
      types.push(wire.name);
      versions.push(wire.version);
      occurred.push(recorded->envelope.occurred_at);
      bytes.push(pg::Blob{encode(*recorded)});
    }
    const std::size_t rows = entities.size();
    if (rows == 0) return {};
    return {
        {&add_,
         pg::Params::take(entities, positions, indexes, kinds, types, versions, occurred, bytes),
         rows, true}};
  }

 private:
  pg::Statement add_;
  std::vector<std::pair<EventId, const RecordedEvent*>> events_;
};

// --- Queries -------------------------------------------------------------------------------------

// A commit of this one event is what the codec reads.
HistoryRow read_event(pg::Row& row) {
  const EventId id = read_event_id(row);
  const std::string payload = encode_commit(Timestamp{}, {row.next<pg::Blob>().bytes});
  Commit commit = decode(StoredCommit{id.position, CommitId{}, commit_format, payload, nullptr});
  return {id, std::move(commit.events.at(0))};
}

// An id is of one kind of entity, which its first event tells: asked for another kind, there is
// nothing to read, however many events it has.
#define IS_OF_KIND                                                            \
  " WHERE entity_id = $1 AND $2 = (SELECT entity_kind FROM {schema}.history " \
  "WHERE entity_id = $1 ORDER BY position, index LIMIT 1) AND entity_kind = $2 "

std::string list_sql(const std::string& rows) {
  return page_sql(rows, "octet_length(event)", "position, index, event");
}

const std::string of_kind_sql =
    list_sql("SELECT position, index, event FROM {schema}.history" IS_OF_KIND
             "AND (position, index) > ($3, $4) AND (position, index) <= ($5, $6) "
             "ORDER BY position, index LIMIT $7");
const QueryText list{"history_of", "history", of_kind_sql, "$1"};

const std::string of_any_sql = list_sql(
    "SELECT position, index, event FROM {schema}.history "
    "WHERE entity_id = $1 AND (position, index) > ($2, $3) "
    "ORDER BY position, index LIMIT $4");
const QueryText list_of_any{"events_of", "history", of_any_sql, "$1"};

constexpr QueryText last{"last_event_of", "history",
                         "SELECT position, index, event FROM {schema}.history" IS_OF_KIND
                         "AND (position, index) <= ($3, $4) "
                         "ORDER BY position DESC, index DESC LIMIT 1",
                         "$1"};
#undef IS_OF_KIND

// As the columns take it: nothing is stored beyond.
EventId in_columns(EventId id) {
  return {std::min(id.position, last_of_all.position), std::min(id.index, last_of_all.index)};
}

std::int32_t index_of(EventId id) {
  return static_cast<std::int32_t>(id.index);
}

}  // namespace

const ReadModel history_model{
    .name = "history",
    .ddl = sql::history,
    .key = "entity_id, position, index",
    .entity = "entity_id",
    .version = "position, index",
    .fold_version = 2,
    .fold = [](std::string_view schema) -> std::unique_ptr<Fold> {
      return std::make_unique<HistoryFold>(schema);
    },
};

Query<Page<HistoryRow>> history_of(const Entity& entity, const From<EventId>& from, EventId until) {
  const EventId after = in_columns(from.after.value_or(EventId{}));
  return page_of_rows<read_event>(
      list,
      pg::Params::of(entity.id, to_string(entity.kind), after.position, index_of(after),
                     until.position, index_of(until), rows_for(from)),
      from.limit);
}

Query<Page<HistoryRow>> events_of(EntityId entity, const From<EventId>& from) {
  const EventId after = in_columns(from.after.value_or(EventId{}));
  return page_of_rows<read_event>(
      list_of_any, pg::Params::of(entity, after.position, index_of(after), rows_for(from)),
      from.limit);
}

Query<std::optional<HistoryRow>> last_event_of(const Entity& entity, EventId until) {
  return one_row<read_event>(
      last, pg::Params::of(entity.id, to_string(entity.kind), until.position, index_of(until)));
}

}  // namespace jangbu
