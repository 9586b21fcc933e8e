// What a read model in PostgreSQL consists of: a table (its .sql file), a fold of events into rows,
// and queries (both in its .hpp and .cpp). registry.cpp lists them all.
//
// A read model never migrates. Its schema and fold have a fingerprint; each fingerprint has a
// generation of the table, in a schema of its own (`accounts_1.accounts`), which only code with
// that fingerprint fills from the log.
//
// SQL here names its table `{schema}.accounts`; in_schema() fills in the generation's schema. A
// generation's columns never change, so `SELECT *` gives them in the order of the .sql file.
//
// Threads: a Fold belongs to one thread; everything else is a plain value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "events/commit.hpp"
#include "events/events.hpp"
#include "events/values.hpp"
#include "infra/postgres/values.hpp"

namespace jangbu {

// --- Folds ---------------------------------------------------------------------------------------

// A bulk statement and how many rows it must change. Another number means that the events do not
// follow from the ones before or that someone changed the table by hand.
struct Change {
  const pg::Statement* statement;
  pg::Params params;
  std::size_t rows;
  std::string_view table = {};  // where it inserts whole rows, so COPY works too
};

// Appends the changes for these rows.
void add_changes(std::vector<Change>& changes, const pg::Statement& statement, pg::BulkRows rows,
                 std::string_view table = {});

// Which rows are wanted, by the id of the entity they are about. Empty: all.
using Wanted = std::function<bool(const EntityId&)>;

// Gathers in memory what a batch of events changes in the rows of one read model; several changes
// to a row become one.
class Fold {
 public:
  virtual ~Fold() = default;
  // REQUIRES: the event stays where it is until take() has returned.
  virtual void apply(EventId id, const RecordedEvent& recorded) = 0;
  // The statements for everything applied since the last take(), in the order in which they must be
  // executed, insertions first, for the wanted rows only. They point into the fold.
  virtual std::vector<Change> take(const Wanted& wanted) = 0;
};

// `on()` for the events that a fold ignores: those of other aggregates as a group, others one by
// one. A new event that is neither listed nor has an on() of its own does not compile.
template <class... Named>
struct Ignores {
  template <OneOf<Named...> Fact>
  void on(EventId, const RecordedEvent&, const Fact&) {}
};

// The rows that a batch changes, in the order in which it first touched them.
template <class SomeId, class Row>
class Touched {
 public:
  // The row's change; new and empty if this batch has not touched the row before.
  Row& operator[](const SomeId& id) {
    const auto [found, is_new] = places_.try_emplace(id, rows_.size());
    if (is_new) rows_.emplace_back(id, Row{});
    return rows_[found->second].second;
  }
  // Returns the wanted rows and discards the others.
  std::vector<std::pair<SomeId, Row>> take(const Wanted& wanted) {
    places_.clear();
    if (wanted)
      std::erase_if(rows_, [&](auto& row) { return !wanted(id_cast<EntityId>(row.first)); });
    return std::exchange(rows_, {});
  }

 private:
  std::vector<std::pair<SomeId, Row>> rows_;
  std::unordered_map<SomeId, std::size_t> places_;
};

// --- Read models ---------------------------------------------------------------------------------

struct ReadModel {
  std::string_view name;  // of its table, and of the view for people
  std::string_view ddl;
  std::string_view key;      // columns of its primary key
  std::string_view entity;   // column with the id of the entity it is about
  std::string_view version;  // columns with the event that last changed the row
  unsigned fold_version;     // raised with every change of what the fold writes
  std::unique_ptr<Fold> (*fold)(std::string_view schema);
  std::string_view view = "*";  // what the view for people shows of it: a SELECT's columns
};

// A hash of the schema, the fold version and the view, in hexadecimal digits.
std::string fingerprint(const ReadModel& model);

// `sql` with every `{schema}` replaced.
std::string in_schema(std::string_view sql, std::string_view schema);

// --- Queries -------------------------------------------------------------------------------------

// Rows of one query's answer, among those of a result that outlives this. The columns before
// `first_column` are not the query's own.
class Rows {
 public:
  Rows(const PGresult* result, int first_row, int rows, int first_column)
      : result_(result), first_row_(first_row), rows_(rows), first_column_(first_column) {}

  int size() const { return rows_; }
  pg::Row operator[](int row) const { return {result_, first_row_ + row, first_column_}; }

 private:
  const PGresult* result_;
  int first_row_;
  int rows_;
  int first_column_;
};

// The type of a key by which rows are looked up, many at a time.
struct KeyType {
  std::string_view name;
  Oid oid;
};
inline constexpr KeyType id_key{"uuid", pg::Binary<EntityId>::oid};
inline constexpr KeyType text_key{"text", pg::Binary<std::string_view>::oid};

// A SELECT from one read model. Its first column is never null. REQUIRES: its name is unique.
struct QueryText {
  std::string_view name;
  std::string_view read_model;
  std::string_view sql;
  // What the query asks about, if that is a single entity: a parameter, the key, or a column of the
  // answer, `r.id`. If that entity's row is parked, there is no answer.
  std::string_view entity = {};
  // If the text selects one row at most, by a key that it calls `asked.key` and that is the query's
  // only parameter: the key's type. One statement then looks up all rows that are asked for at the
  // same time.
  std::optional<KeyType> key = std::nullopt;
};

// Selects the row whose column `key` is `value`, that of a QueryText with one key by default. Only
// the key's index has the order, and a text with a LIMIT is not merged into the statement around
// it, so that no other plan can be made while the table is all but empty, and be kept.
std::string row_of_key(std::string_view columns, std::string_view table, std::string_view key,
                       std::string_view condition = "true", std::string_view value = "asked.key");

// Single rows and lists have separate connections, so that nobody who asks for an account waits for
// somebody else's list.
enum class Lane { rows, lists };

// A query as a value: its text, its parameters, and how to read the answer. ReadModels executes it.
template <class T>
struct Query {
  Lane lane;
  const QueryText* text;
  pg::Params params;
  std::function<T(const Rows&)> decode;
};

// A page ends early once it holds about this much, however few rows that is: counted in rows as
// stored, so that PostgreSQL does not send what nobody is shown, and in the JSON made of them.
inline constexpr std::size_t page_bytes = 1024 * 1024;

// The text of a list. `rows` selects the rows in order, one more than a page shows; `columns` are
// sent for each row, and `bytes` gives its size, without reading the row if possible. An additional
// first column says whether the row is on the page or only shows that there is more; rows for which
// `shown_if` does not hold never are on it.
std::string page_sql(std::string_view rows, std::string_view bytes, std::string_view columns,
                     std::string_view shown_if = "true");

// What a table's column `ended` holds until a row has ended: it sorts behind every end (in "C"), so
// new rows, which have the highest ids, go to the end of an index (ended, id).
inline constexpr std::string_view not_ended = "~";

// Selects rows of a table that has an index (ended, id), or with `of` one of (column, ended COLLATE
// "POSIX", id): those that ended in any of these ways (SQL expressions; `not_ended` is one), newest
// id first, below $1, at most `most` of them. Each way is a range of that index, with an end on
// both sides, so at most `most` rows are read per range, whatever else the table holds. No other
// index has the requested order, so that no statistics, or missing ones, can lead PostgreSQL to
// another one and past rows that nobody wants: to it, "POSIX" orders otherwise than "C", though it
// does not.
struct OfColumn {
  std::string_view column;
  std::string_view value;
};
std::string newest_of_ends(std::string_view table, std::span<const std::string_view> ends,
                           std::string_view most, std::optional<OfColumn> of = std::nullopt);

// A part of a list.
template <class Row>
struct Page {
  std::vector<Row> items;
  bool more = false;  // there are rows after the last of these
  // Without items, though there may be more: the row that a bounded search came to.
  std::optional<Row> searched_to = std::nullopt;
};

// At most `limit` (from 1) items of a list, from its beginning or after the given one.
template <class Cursor>
struct From {
  std::size_t limit = 20;
  std::optional<Cursor> after = std::nullopt;
};

// Lists are read newest first; ids are UUIDv7, so that means from the highest down. (No UUIDv7 is
// as high as this one.)
template <class SomeId>
SomeId cursor_of(const From<SomeId>& from) {
  SomeId highest;
  highest.bytes.fill(0xff);
  return from.after.value_or(highest);
}

// One row more than is shown, to learn whether there is more.
template <class Cursor>
std::int64_t rows_for(const From<Cursor>& from) {
  return static_cast<std::int64_t>(from.limit) + 1;
}

// The two usual kinds of query, for a row type that `read_row` makes of a row.
template <auto read_row>
auto one_row(const QueryText& text, pg::Params params) {
  using Row = decltype(read_row(std::declval<pg::Row&>()));
  return Query<std::optional<Row>>{Lane::rows, &text, std::move(params),
                                   [](const Rows& rows) -> std::optional<Row> {
                                     if (rows.size() == 0) return std::nullopt;
                                     pg::Row row = rows[0];
                                     return read_row(row);
                                   }};
}

// REQUIRES: a text made by page_sql(), or one with the same kind of first column.
template <auto read_row>
auto page_of_rows(const QueryText& text, pg::Params params, std::size_t limit) {
  using Row = decltype(read_row(std::declval<pg::Row&>()));
  return Query<Page<Row>>{Lane::lists, &text, std::move(params), [limit](const Rows& rows) {
                            Page<Row> page;
                            for (int i = 0; i < rows.size() && !page.more; ++i) {
                              pg::Row row = rows[i];
                              const bool shown = row.next<bool>() && page.items.size() < limit;
                              if (shown)
                                page.items.push_back(read_row(row));
                              else
                                page.more = true;
                              if (page.more && page.items.empty()) page.searched_to = read_row(row);
                            }
                            return page;
                          }};
}

// Columns that several read models have.
inline std::int32_t index_of(EventId id) {
  return static_cast<std::int32_t>(id.index);
}
EventId read_event_id(pg::Row& row);
Money read_money(pg::Row& row);

}  // namespace jangbu
