#include "projections/tables/products.hpp"

#include "projections/tables/name_range.hpp"
#include "tables_sql.hpp"

namespace jangbu {

namespace {

// --- Fold ----------------------------------------------------------------------------------------

constexpr std::string_view put_sql = R"(
INSERT INTO {schema}.products
SELECT unnest($1::uuid[]), unnest($2::text[]), unnest($3::bigint[]), unnest($4::text[]),
       unnest($5::bigint[]), unnest($6::text[]), unnest($7::timestamptz[]),
       unnest($8::timestamptz[]), unnest($9::bigint[]), unnest($10::int[])
ON CONFLICT (id) DO UPDATE SET
  name = excluded.name, unit_price = excluded.unit_price, currency = excluded.currency,
  stock = excluded.stock, description = excluded.description, listed_at = excluded.listed_at,
  withdrawn_at = excluded.withdrawn_at, version_position = excluded.version_position,
  version_index = excluded.version_index)";

constexpr std::string_view move_stock_sql = R"(
UPDATE {schema}.products p SET stock = p.stock + moved.pieces
FROM (SELECT unnest($1::uuid[]) AS id, unnest($2::bigint[]) AS pieces) AS moved
WHERE p.id = moved.id)";

// A product with an event of its own is written as a whole; one that was only bought or came back
// moves by so many pieces.
struct Touch {
  const ProductState* state = nullptr;
  std::optional<Timestamp> withdrawn_at;
  EventId version;
  std::int64_t moved = 0;  // pieces, since `state` where there is one
};

class ProductsFold final
    : public Fold,
      Ignores<AccountFacts, DeliveryScanned, ReceiptConfirmed, NothingChanged> {
 public:
  explicit ProductsFold(std::string_view schema)
      : put_{std::string(schema) + ".put", in_schema(put_sql, schema)},
        move_stock_{std::string(schema) + ".move_stock", in_schema(move_stock_sql, schema)} {}

  void apply(EventId id, const RecordedEvent& recorded) override {
    std::visit([&](const auto& fact) { on(id, recorded, fact); }, recorded.event);
  }

  std::vector<Change> take(const Wanted& wanted) override {
    pg::Array<ProductId> ids, moved_ids;
    pg::Array<std::string> names, currencies, descriptions;
    pg::Array<std::int64_t> prices, stocks, pieces;
    pg::Array<Timestamp> listed, withdrawn;
    pg::Array<Position> positions;
    pg::Array<std::int32_t> indexes;
    for (const auto& [id, product] : products_.take(wanted)) {
      if (!product.state) {
        moved_ids.push(id);
        pieces.push(product.moved);
        continue;
      }
      const ProductState& state = *product.state;
      ids.push(id);
      names.push(state.name);
      prices.push(state.unit_price.amount);
      currencies.push(to_string(state.unit_price.currency));
      stocks.push(state.stock + product.moved);
      descriptions.push(state.description);
      listed.push(state.listed_at);
      withdrawn.push(product.withdrawn_at);
      positions.push(product.version.position);
      indexes.push(static_cast<std::int32_t>(product.version.index));
    }
    std::vector<Change> changes;
    if (const std::size_t rows = ids.size())
      changes.push_back({&put_,
                         pg::Params::take(ids, names, prices, currencies, stocks, descriptions,
                                          listed, withdrawn, positions, indexes),
                         rows});
    if (const std::size_t rows = moved_ids.size())
      changes.push_back({&move_stock_, pg::Params::take(moved_ids, pieces), rows});
    return changes;
  }

 private:
  using Ignores::on;
  void on(EventId id, const RecordedEvent&, const ProductListed& fact) { put(id, fact.state); }
  void on(EventId id, const RecordedEvent&, const PriceChanged& fact) { put(id, fact.state); }
  void on(EventId id, const RecordedEvent&, const StockChanged& fact) { put(id, fact.state); }
  void on(EventId id, const RecordedEvent&, const ProductWithdrawn& fact) {
    put(id, fact.state, fact.withdrawn_at);
  }
  void on(EventId, const RecordedEvent&, const PurchaseCompleted& fact) {
    for (const PurchaseLine& line : fact.lines) move(line.product, -line.quantity);
  }
  void on(EventId, const RecordedEvent&, const PurchaseCancelled& fact) {
    for (const PurchaseLine& line : fact.lines) move(line.product, line.quantity);
  }

  void put(EventId id, const ProductState& state, std::optional<Timestamp> withdrawn_at = {}) {
    products_[state.product] = {&state, withdrawn_at, id};
  }
  void move(const ProductId& id, std::int64_t pieces) { products_[id].moved += pieces; }

  pg::Statement put_;
  pg::Statement move_stock_;
  Touched<ProductId, Touch> products_;
};

// --- Queries -------------------------------------------------------------------------------------

ProductRow read_product(pg::Row& row) {
  return {
      .id = row.next<ProductId>(),
      .name = row.next<std::string>(),
      .unit_price = read_money(row),
      .stock = row.next<std::int64_t>(),
      .description = row.next<std::string>(),
      .listed_at = row.next<Timestamp>(),
      .withdrawn_at = row.next_optional<Timestamp>(),
      .version = read_event_id(row),
  };
}

#define COLUMNS                                                                   \
  "id, name, unit_price, currency, stock, description, listed_at, withdrawn_at, " \
  "version_position, version_index"
constexpr std::string_view bytes = "octet_length(name) + octet_length(description)";

constexpr QueryText by_id{"product_by_id", "products",
                          "SELECT " COLUMNS " FROM {schema}.products WHERE id = $1", "$1"};

constexpr QueryText by_name{
    "product_by_name", "products",
    "SELECT " COLUMNS " FROM {schema}.products WHERE name = $1 AND withdrawn_at IS NULL LIMIT 1",
    "r.id"};

const std::string list_sql = page_sql(
    "SELECT * FROM {schema}.products WHERE id < $1 ORDER BY id DESC LIMIT $2", bytes, COLUMNS);
const QueryText list{"list_products", "products", list_sql};

const std::string by_beginning_sql =
    page_sql(select_by_beginning("products", "withdrawn_at"), bytes, COLUMNS);
#undef COLUMNS
const QueryText list_by_beginning{"list_products_by_beginning", "products", by_beginning_sql};

}  // namespace

const ReadModel products_model{
    .name = "products",
    .ddl = sql::products,
    .key = "id",
    .entity = "id",
    .version = "version_position, version_index",
    .fold_version = 1,
    .fold = [](std::string_view schema) -> std::unique_ptr<Fold> {
      return std::make_unique<ProductsFold>(schema);
    },
};

Query<std::optional<ProductRow>> product_by_id(const ProductId& id) {
  return one_row<read_product>(by_id, pg::Params::of(id));
}

Query<std::optional<ProductRow>> product_by_name(std::string_view name) {
  return one_row<read_product>(by_name, pg::Params::of(name));
}

Query<Page<ProductRow>> list_products(const From<ProductId>& from) {
  return page_of_rows<read_product>(list, pg::Params::of(cursor_of(from), rows_for(from)),
                                    from.limit);
}

Query<Page<ProductRow>> list_products_beginning_with(std::string_view beginning,
                                                     const From<ProductId>& from) {
  const NameRange range = names_beginning_with(beginning);
  return page_of_rows<read_product>(
      list_by_beginning,
      pg::Params::of(range.low, range.high, from.after.value_or(ProductId{}), rows_for(from)),
      from.limit);
}

}  // namespace jangbu
