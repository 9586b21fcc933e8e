#include "projections/tables/products.hpp"

#include "projections/tables/columns.hpp"
#include "projections/tables/name_range.hpp"
#include "tables_sql.hpp"

namespace jangbu {

namespace products {

// --- Fold ----------------------------------------------------------------------------------------

const std::string put_sql = upsert_sql(sql::products);

const std::string move_stock_sql =
    "UPDATE {schema}.products p SET stock = p.stock + moved.stock FROM " +
    rows_sql(sql::products, {"id", "stock"}) + " AS moved WHERE p.id = moved.id";

// A product with an event of its own is written as a whole; one that was only bought, or came back,
// has its stock moved by that many pieces.
struct Touch {
  const ProductState* state = nullptr;
  std::optional<Timestamp> withdrawn_at;
  EventId version;
  std::int64_t moved = 0;  // pieces; since `state`, if it is set
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
    pg::BulkRows put, moved;
    for (const auto& [id, product] : products_.take(wanted)) {
      if (!product.state) {
        moved.add(id, product.moved);
        continue;
      }
      const ProductState& state = *product.state;
      put.add(id, state.name, state.unit_price.amount, to_string(state.unit_price.currency),
              state.stock + product.moved, state.description, state.listed_at, product.withdrawn_at,
              state.seller, product.version.position, index_of(product.version));
    }
    std::vector<Change> changes;
    add_changes(changes, put_, std::move(put));
    add_changes(changes, move_stock_, std::move(moved));
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
      .seller = row.next_optional<PrincipalId>(),
      .version = read_event_id(row),
  };
}

const std::string columns = columns_of(sql::products);
constexpr std::string_view bytes = "octet_length(name) + octet_length(description)";

const std::string by_id_sql = row_of_key(columns, "products", "id");
const QueryText by_id{"product_by_id", "products", by_id_sql, "asked.key", id_key};

const std::string by_name_sql = row_of_key(columns, "products", "name", "withdrawn_at IS NULL");
const QueryText by_name{"product_by_name", "products", by_name_sql, "r.id", text_key};

const std::string list_sql = page_sql(
    "SELECT * FROM {schema}.products WHERE id < $1 ORDER BY id DESC LIMIT $2", bytes, columns);
const QueryText list{"list_products", "products", list_sql};

const std::string by_beginning_sql =
    page_sql(select_by_beginning("products", "withdrawn_at"), bytes, columns);
const QueryText list_by_beginning{"list_products_by_beginning", "products", by_beginning_sql};

}  // namespace products

const ReadModel products_model{
    .name = "products",
    .ddl = sql::products,
    .key = "id",
    .entity = "id",
    .version = "version_position, version_index",
    .fold_version = 2,
    .fold = [](std::string_view schema) -> std::unique_ptr<Fold> {
      return std::make_unique<products::ProductsFold>(schema);
    },
};

Query<std::optional<ProductRow>> product_by_id(const ProductId& id) {
  return one_row<products::read_product>(products::by_id, pg::Params::of(id));
}

Query<std::optional<ProductRow>> product_by_name(std::string_view name) {
  return one_row<products::read_product>(products::by_name, pg::Params::of(name));
}

Query<Page<ProductRow>> list_products(const From<ProductId>& from) {
  return page_of_rows<products::read_product>(
      products::list, pg::Params::of(cursor_of(from), rows_for(from)), from.limit);
}

Query<Page<ProductRow>> list_products_beginning_with(std::string_view beginning,
                                                     const From<ProductId>& from) {
  const NameRange range = names_beginning_with(beginning);
  return page_of_rows<products::read_product>(
      products::list_by_beginning,
      pg::Params::of(range.low, range.high, from.after.value_or(ProductId{}), rows_for(from)),
      from.limit);
}

}  // namespace jangbu
