#include "projections/tables/history.hpp"

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
    const Entity entity = entity_of(recorded.event);
    const WireType wire = wire_type(recorded.event);
    entities_.push(entity.id);
    positions_.push(id.position);
    indexes_.push(static_cast<std::int32_t>(id.index));
    kinds_.push(to_string(entity.kind));
    types_.push(wire.name);
    versions_.push(wire.version);
    occurred_.push(recorded.envelope.occurred_at);
    events_.push(pg::Blob{encode(recorded)});
  }

  std::vector<Change> take() override {
    const std::size_t rows = entities_.size();
    if (rows == 0) return {};
    return {{&add_,
             pg::Params::take(entities_, positions_, indexes_, kinds_, types_, versions_, occurred_,
                              events_),
             rows}};
  }

 private:
  pg::Statement add_;
  pg::Array<EntityId> entities_;
  pg::Array<Position> positions_;
  pg::Array<std::int32_t> indexes_;
  pg::Array<std::string> kinds_;
  pg::Array<std::string> types_;
  pg::Array<std::int32_t> versions_;
  pg::Array<Timestamp> occurred_;
  pg::Array<pg::Blob> events_;
};

// --- Queries -------------------------------------------------------------------------------------

// A commit of this one event is what the codec reads.
HistoryRow read_event(pg::Row& row) {
  const EventId id = read_event_id(row);
  const std::string payload = encode_commit(Timestamp{}, {row.next<pg::Blob>().bytes});
  Commit commit = decode(StoredCommit{id.position, CommitId{}, commit_format, payload, nullptr});
  return {id, std::move(commit.events.at(0))};
}

constexpr QueryText list{"history_of", "history",
                         "SELECT position, index, event FROM {schema}.history "
                         "WHERE entity_id = $1 AND entity_kind = $2 "
                         "AND (position, index) > ($3, $4) ORDER BY position, index LIMIT $5"};

}  // namespace

const ReadModel history_model{
    .name = "history",
    .ddl = sql::history,
    .fold_version = 2,
    .fold = [](std::string_view schema) -> std::unique_ptr<Fold> {
      return std::make_unique<HistoryFold>(schema);
    },
};

Query<Page<HistoryRow>> history_of(const Entity& entity, const From<EventId>& from) {
  const EventId after = from.after.value_or(EventId{});
  return page_of_rows<read_event>(
      list,
      pg::Params::of(entity.id, to_string(entity.kind), after.position,
                     static_cast<std::int32_t>(after.index), rows_for(from)),
      from.limit);
}

}  // namespace jangbu
