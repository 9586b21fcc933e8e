#include "projections/tables/history.hpp"

#include <algorithm>
#include <variant>

#include "projections/tables/columns.hpp"
#include "tables_sql.hpp"

namespace jangbu {

namespace history {

// --- Fold ----------------------------------------------------------------------------------------

const std::string add_sql = insert_sql(sql::history);

class HistoryFold final : public Fold {
 public:
  explicit HistoryFold(std::string_view schema)
      : table_(std::string(schema) + ".history"),
        add_{std::string(schema) + ".add", in_schema(add_sql, schema)} {}

  void apply(EventId id, const RecordedEvent& recorded) override {
    // It refers to an entity, but nothing happened to that entity.
    if (std::holds_alternative<NothingChanged>(recorded.event)) return;
    events_.emplace_back(id, &recorded);
  }

  std::vector<Change> take(const Wanted& wanted) override {
    pg::BulkRows added;
    for (const auto& [id, recorded] : std::exchange(events_, {})) {
      const Entity entity = entity_of(recorded->event);
      if (wanted && !wanted(entity.id)) continue;
      added.add(entity.id, id.position, index_of(id), pg::Blob{encode(*recorded)});
    }
    std::vector<Change> changes;
    add_changes(changes, add_, std::move(added), table_);
    return changes;
  }

 private:
  std::string table_;
  pg::Statement add_;
  std::vector<std::pair<EventId, const RecordedEvent*>> events_;
};

// --- Queries -------------------------------------------------------------------------------------

// The codec reads commits, so the event is wrapped in one.
HistoryRow read_event(pg::Row& row) {
  const EventId id = read_event_id(row);
  const std::string payload = encode_commit(Timestamp{}, {row.next<pg::Blob>().bytes});
  Commit commit = decode(StoredCommit{id.position, CommitId{}, commit_format, payload, nullptr});
  return {id, std::move(commit.events.at(0))};
}

// Where an event's bytes say what it is (events/README.md): the size of its type's name in eight
// bytes, the name, its version in two, the kind of entity in one, its id in sixteen, and when it
// occurred, in milliseconds, in eight; numbers begin with their lowest byte.
#define AFTER_NAME "get_byte(event, 0) + 8"
#define KIND "get_byte(event, " AFTER_NAME " + 2)"

const std::string view = [] {
  std::string ms;
  for (int i = 0; i < 6; ++i)  // years 1970 to 10889
    ms += std::string(i > 0 ? " + " : "") + "(get_byte(event, " AFTER_NAME " + " +
          std::to_string(19 + i) + ")::bigint << " + std::to_string(8 * i) + ")";
  return "entity_id, position, index, CASE " KIND
         " WHEN 0 THEN 'account' WHEN 1 THEN 'product' ELSE 'purchase' END AS entity_kind, "
         "convert_from(substr(event, 9, get_byte(event, 0)), 'UTF8') AS type, "
         "get_byte(event, " AFTER_NAME ") + 256 * get_byte(event, " AFTER_NAME
         " + 1) AS type_version, to_timestamp((" +
         ms + ") / 1000.0) AS occurred_at, event";
}();

// An id belongs to one kind of entity, which its first event gives: if another kind is asked for,
// there is nothing to read, however many events the id has.
#define IS_OF_KIND                               \
  " WHERE entity_id = $1 AND $2 = (SELECT " KIND \
  " FROM {schema}.history "                      \
  "WHERE entity_id = $1 ORDER BY position, index LIMIT 1) AND " KIND " = $2 "

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
#undef KIND
#undef AFTER_NAME

std::int32_t kind_of(const Entity& entity) {
  return static_cast<std::int32_t>(entity.kind);
}

// Clamped to what the columns can hold: nothing beyond that is stored.
EventId in_columns(EventId id) {
  return {std::min(id.position, last_of_all.position), std::min(id.index, last_of_all.index)};
}

}  // namespace history

const ReadModel history_model{
    .name = "history",
    .ddl = sql::history,
    .key = "entity_id, position, index",
    .entity = "entity_id",
    .version = "position, index",
    .fold_version = 4,
    .fold = [](std::string_view schema) -> std::unique_ptr<Fold> {
      return std::make_unique<history::HistoryFold>(schema);
    },
    .view = history::view,
};

Query<Page<HistoryRow>> history_of(const Entity& entity, const From<EventId>& from, EventId until) {
  const EventId after = history::in_columns(from.after.value_or(EventId{}));
  return page_of_rows<history::read_event>(
      history::list,
      pg::Params::of(entity.id, history::kind_of(entity), after.position, index_of(after),
                     until.position, index_of(until), rows_for(from)),
      from.limit);
}

Query<Page<HistoryRow>> events_of(EntityId entity, const From<EventId>& from) {
  const EventId after = history::in_columns(from.after.value_or(EventId{}));
  return page_of_rows<history::read_event>(
      history::list_of_any, pg::Params::of(entity, after.position, index_of(after), rows_for(from)),
      from.limit);
}

Query<std::optional<HistoryRow>> last_event_of(const Entity& entity, EventId until) {
  return one_row<history::read_event>(
      history::last,
      pg::Params::of(entity.id, history::kind_of(entity), until.position, index_of(until)));
}

}  // namespace jangbu
