#include "projections/tables/purchases.hpp"

#include <algorithm>
#include <array>
#include <span>

#include "infra/json.hpp"
#include "infra/json_reader.hpp"
#include "projections/tables/columns.hpp"
#include "tables_sql.hpp"

namespace jangbu {

namespace purchases {

constexpr std::array<std::pair<PurchaseStatus, std::string_view>, 4> statuses{{
    {PurchaseStatus::completed, "completed"},
    {PurchaseStatus::cancelled, "cancelled"},
    {PurchaseStatus::returned, "returned"},
    {PurchaseStatus::received, "received"},
}};

pg::Json to_json(const std::vector<PurchaseLine>& lines) {
  Json json = Json::array();
  for (const PurchaseLine& line : lines) {
    json.push_back(Json{{"productId", to_string(line.product)},
                        {"name", line.name},
                        {"unitPrice", line.unit_price.amount},
                        {"currency", to_string(line.unit_price.currency)},
                        {"quantity", line.quantity},
                        {"total", line.total.amount}});
  }
  return {std::move(json).text()};
}

std::vector<PurchaseLine> read_lines(const pg::Json& json) {
  std::vector<PurchaseLine> lines;
  JsonReader reader(json.text);
  reader.array([&] {
    PurchaseLine& line = lines.emplace_back();
    std::string_view product, currency;
    reader.object("productId", product, "name", line.name, "unitPrice", line.unit_price.amount,
                  "currency", currency, "quantity", line.quantity, "total", line.total.amount);
    line.product = parse_id<ProductId>(product).value();
    line.unit_price.currency = line.total.currency = parse_currency(currency).value();
  });
  return lines;
}

// --- Fold ----------------------------------------------------------------------------------------

const std::string add_sql = insert_sql(sql::purchases);

const std::string end_sql =
    "UPDATE {schema}.purchases p SET status = ended.status, "
    "cancelled_at = coalesce(ended.cancelled_at, p.cancelled_at), "
    "version_position = ended.version_position, version_index = ended.version_index FROM " +
    rows_sql(sql::purchases,
             {"id", "status", "cancelled_at", "version_position", "version_index"}) +
    " AS ended WHERE p.id = ended.id";

struct Touch {
  const PurchaseCompleted* completed = nullptr;  // in this batch: a new row
  PurchaseStatus status = PurchaseStatus::completed;
  std::optional<Timestamp> cancelled_at;
  EventId version;
};

class PurchasesFold final : public Fold, Ignores<AccountFacts, ProductFacts, NothingChanged> {
 public:
  explicit PurchasesFold(std::string_view schema)
      : add_{std::string(schema) + ".add", in_schema(add_sql, schema)},
        end_{std::string(schema) + ".end", in_schema(end_sql, schema)} {}

  void apply(EventId id, const RecordedEvent& recorded) override {
    std::visit([&](const auto& fact) { on(id, recorded, fact); }, recorded.event);
  }

  std::vector<Change> take(const Wanted& wanted) override {
    pg::BulkRows added, ended;
    for (const auto& [id, purchase] : purchases_.take(wanted)) {
      if (!purchase.completed) {
        ended.add(id, to_string(purchase.status), purchase.cancelled_at, purchase.version.position,
                  index_of(purchase.version));
        continue;
      }
      const PurchaseCompleted& fact = *purchase.completed;
      added.add(id, fact.buyer, fact.recipient.name, fact.recipient.address.line,
                fact.recipient.address.zip_code, to_json(fact.lines), fact.total.amount,
                to_string(fact.total.currency), to_string(purchase.status), fact.purchased_at,
                purchase.cancelled_at, purchase.version.position, index_of(purchase.version));
    }
    std::vector<Change> changes;
    add_change(changes, add_, std::move(added), true);
    add_change(changes, end_, std::move(ended));
    return changes;
  }

 private:
  using Ignores::on;
  void on(EventId id, const RecordedEvent&, const PurchaseCompleted& fact) {
    purchases_[fact.purchase] = {&fact, PurchaseStatus::completed, {}, id};
  }
  void on(EventId id, const RecordedEvent&, const PurchaseCancelled& fact) {
    end(id, fact.purchase, PurchaseStatus::cancelled).cancelled_at = fact.cancelled_at;
  }
  void on(EventId id, const RecordedEvent&, const DeliveryScanned& fact) {
    if (fact.status == DeliveryStatus::returned_to_sender)
      end(id, fact.purchase, PurchaseStatus::returned);
  }
  void on(EventId id, const RecordedEvent&, const ReceiptConfirmed& fact) {
    end(id, fact.purchase, PurchaseStatus::received);
  }

  Touch& end(EventId id, const PurchaseId& purchase, PurchaseStatus status) {
    Touch& touched = purchases_[purchase];
    touched.status = status;
    touched.version = id;
    return touched;
  }

  pg::Statement add_;
  pg::Statement end_;
  Touched<PurchaseId, Touch> purchases_;
};

// --- Queries -------------------------------------------------------------------------------------

PurchaseRow read_purchase(pg::Row& row) {
  return {
      .id = row.next<PurchaseId>(),
      .buyer = row.next<AccountId>(),
      .recipient = {row.next<std::string>(), {row.next<std::string>(), row.next<std::string>()}},
      .lines = read_lines(row.next<pg::Json>()),
      .total = read_money(row),
      .status = parse_purchase_status(row.next<std::string>()).value(),
      .purchased_at = row.next<Timestamp>(),
      .cancelled_at = row.next_optional<Timestamp>(),
      .version = read_event_id(row),
  };
}

const std::string columns = columns_of(sql::purchases);
constexpr std::string_view bytes = "lines_bytes + octet_length(address_line)";

const std::string by_id_sql = "SELECT " + columns + " FROM {schema}.purchases WHERE id = asked.key";
const QueryText by_id{"purchase_by_id", "purchases", by_id_sql, "asked.key", id_key};

std::string list_sql(const std::string& rows) {
  return page_sql(rows, bytes, columns);
}

std::vector<std::string> all_statuses() {
  std::vector<std::string> names;
  for (const auto& [status, name] : statuses) names.push_back("'" + std::string(name) + "'");
  return names;
}

std::string list_sql_of(std::span<const std::string> statuses_in_sql,
                        std::optional<OfColumn> of = std::nullopt) {
  return list_sql(newest_of_statuses("purchases", statuses_in_sql, of));
}

constexpr OfColumn of_buyer{"buyer_id", "$3"};
const std::string third[] = {"$3"};
const std::string fourth[] = {"$4"};

const std::string all_sql =
    list_sql("SELECT * FROM {schema}.purchases WHERE id < $1 ORDER BY id DESC LIMIT $2");
const std::string of_buyer_sql = list_sql_of(all_statuses(), of_buyer);
const std::string of_status_sql = list_sql_of(third);
const std::string of_buyer_and_status_sql = list_sql_of(fourth, of_buyer);

const QueryText list{"list_purchases", "purchases", all_sql};
const QueryText list_of_buyer{"list_purchases_of_buyer", "purchases", of_buyer_sql};
const QueryText list_of_status{"list_purchases_of_status", "purchases", of_status_sql};
const QueryText list_of_buyer_and_status{"list_purchases_of_buyer_and_status", "purchases",
                                         of_buyer_and_status_sql};

}  // namespace purchases

std::string_view to_string(PurchaseStatus status) {
  return std::find_if(purchases::statuses.begin(), purchases::statuses.end(),
                      [&](const auto& entry) { return entry.first == status; })
      ->second;
}

std::optional<PurchaseStatus> parse_purchase_status(std::string_view text) {
  for (const auto& [status, name] : purchases::statuses)
    if (name == text) return status;
  return std::nullopt;
}

const ReadModel purchases_model{
    .name = "purchases",
    .ddl = sql::purchases,
    .key = "id",
    .entity = "id",
    .version = "version_position, version_index",
    .fold_version = 1,
    .fold = [](std::string_view schema) -> std::unique_ptr<Fold> {
      return std::make_unique<purchases::PurchasesFold>(schema);
    },
};

Query<std::optional<PurchaseRow>> purchase_by_id(const PurchaseId& id) {
  return one_row<purchases::read_purchase>(purchases::by_id, pg::Params::of(id));
}

Query<Page<PurchaseRow>> list_purchases(const PurchaseFilter& filter,
                                        const From<PurchaseId>& from) {
  pg::Params params = pg::Params::of(cursor_of(from), rows_for(from));
  const QueryText* text = &purchases::list;
  if (filter.buyer) {
    params.add(*filter.buyer);
    text = &purchases::list_of_buyer;
  }
  if (filter.status) {
    params.add(to_string(*filter.status));
    text = filter.buyer ? &purchases::list_of_buyer_and_status : &purchases::list_of_status;
  }
  return page_of_rows<purchases::read_purchase>(*text, std::move(params), from.limit);
}

}  // namespace jangbu
