#include "projections/tables/deliveries.hpp"

#include <array>
#include <span>

#include "infra/json.hpp"
#include "infra/json_reader.hpp"
#include "projections/tables/columns.hpp"
#include "tables_sql.hpp"

namespace jangbu {

namespace deliveries {

pg::Json to_json(const std::vector<PurchaseLine>& lines) {
  Json json = Json::array();
  for (const PurchaseLine& line : lines) {
    json.push_back(Json{
        {"productId", to_string(line.product)}, {"name", line.name}, {"quantity", line.quantity}});
  }
  return {std::move(json).text()};
}

std::vector<DeliveryItem> read_items(const pg::Json& json) {
  std::vector<DeliveryItem> items;
  JsonReader reader(json.text);
  reader.array([&] {
    DeliveryItem& item = items.emplace_back();
    std::string_view product;
    reader.object("productId", product, "name", item.name, "quantity", item.quantity);
    item.product = parse_id<ProductId>(product).value();
  });
  return items;
}

pg::Jsonb to_json(std::span<const Scan* const> scans) {
  Json json = Json::array();
  for (const Scan* scan : scans) {
    json.push_back(Json{{"carrier", scan->carrier},
                        {"trackingNumber", scan->tracking_number},
                        {"status", to_string(scan->status)},
                        {"location", scan->location},
                        {"code", scan->code},
                        {"occurredAt", scan->occurred_at.ms}});
  }
  return {std::move(json).text()};
}

// As an array of one, in the format of all scans.
std::optional<pg::Jsonb> last_to_json(const std::vector<const Scan*>& scans) {
  if (scans.empty()) return std::nullopt;
  return to_json(std::span(&scans.back(), 1));
}

std::vector<Scan> read_scans(const pg::Jsonb& json) {
  std::vector<Scan> scans;
  JsonReader reader(json.text);
  reader.array([&] {
    Scan& scan = scans.emplace_back();
    std::string_view status;
    reader.object("code", scan.code, "status", status, "carrier", scan.carrier, "location",
                  scan.location, "occurredAt", scan.occurred_at.ms, "trackingNumber",
                  scan.tracking_number);
    scan.status = parse_delivery_status(status).value();
  });
  return scans;
}

std::optional<Scan> read_last_scan(const std::optional<pg::Jsonb>& json) {
  if (!json) return std::nullopt;
  return read_scans(*json).back();
}

// --- Fold ----------------------------------------------------------------------------------------

const std::string add_sql = insert_sql(sql::deliveries);

const std::string move_sql =
    "UPDATE {schema}.deliveries d SET status = moved.status, "
    "closed_at = coalesce(moved.closed_at, d.closed_at), "
    "carrier = coalesce(moved.carrier, d.carrier), "
    "tracking_number = coalesce(moved.tracking_number, d.tracking_number), "
    "scans = d.scans || moved.scans, scan_count = d.scan_count + moved.scan_count, "
    "last_scan = coalesce(moved.last_scan, d.last_scan), "
    "version_position = moved.version_position, version_index = moved.version_index FROM " +
    rows_sql(sql::deliveries, {"id", "status", "carrier", "tracking_number", "scans", "scan_count",
                               "last_scan", "closed_at", "version_position", "version_index"}) +
    " AS moved WHERE d.id = moved.id";

struct Touch {
  const PurchaseCompleted* completed = nullptr;  // in this batch: a new row
  DeliveryStatus status = DeliveryStatus::preparing;
  std::vector<const Scan*> scans;  // of this batch
  std::optional<Timestamp> closed_at;
  EventId version;
};

class DeliveriesFold final : public Fold, Ignores<AccountFacts, ProductFacts, NothingChanged> {
 public:
  explicit DeliveriesFold(std::string_view schema)
      : add_{std::string(schema) + ".add", in_schema(add_sql, schema)},
        move_{std::string(schema) + ".move", in_schema(move_sql, schema)} {}

  void apply(EventId id, const RecordedEvent& recorded) override {
    std::visit([&](const auto& fact) { on(id, recorded, fact); }, recorded.event);
  }

  std::vector<Change> take(const Wanted& wanted) override {
    pg::BulkRows added, moved;
    for (const auto& [id, delivery] : deliveries_.take(wanted)) {
      std::optional<std::string_view> carrier, tracking_number;
      if (!delivery.scans.empty()) {
        carrier = delivery.scans.back()->carrier;
        tracking_number = delivery.scans.back()->tracking_number;
      }
      const auto scan_count = static_cast<std::int32_t>(delivery.scans.size());
      if (!delivery.completed) {
        moved.add(id, to_string(delivery.status), carrier, tracking_number, to_json(delivery.scans),
                  scan_count, last_to_json(delivery.scans), delivery.closed_at,
                  delivery.version.position, index_of(delivery.version));
        continue;
      }
      const PurchaseCompleted& fact = *delivery.completed;
      added.add(id, fact.buyer, fact.recipient.name, fact.recipient.address.line,
                fact.recipient.address.zip_code, to_json(fact.lines), to_string(delivery.status),
                carrier.value_or(""), tracking_number.value_or(""), to_json(delivery.scans),
                scan_count, last_to_json(delivery.scans), fact.purchased_at, delivery.closed_at,
                delivery.version.position, index_of(delivery.version));
    }
    std::vector<Change> changes;
    add_change(changes, add_, std::move(added), true);
    add_change(changes, move_, std::move(moved));
    return changes;
  }

 private:
  using Ignores::on;
  void on(EventId id, const RecordedEvent&, const PurchaseCompleted& fact) {
    deliveries_[fact.purchase] = {&fact, DeliveryStatus::preparing, {}, {}, id};
  }
  void on(EventId id, const RecordedEvent&, const PurchaseCancelled& fact) {
    move(id, fact.purchase, DeliveryStatus::cancelled).closed_at = fact.cancelled_at;
  }
  void on(EventId id, const RecordedEvent& recorded, const DeliveryScanned& fact) {
    Touch& delivery = move(id, fact.purchase, fact.status);
    delivery.scans.push_back(&fact.scan);
    if (fact.status == DeliveryStatus::returned_to_sender)
      delivery.closed_at = recorded.envelope.occurred_at;
  }
  void on(EventId id, const RecordedEvent&, const ReceiptConfirmed& fact) {
    move(id, fact.purchase, DeliveryStatus::receipt_confirmed).closed_at = fact.confirmed_at;
  }

  Touch& move(EventId id, const PurchaseId& purchase, DeliveryStatus status) {
    Touch& delivery = deliveries_[purchase];
    delivery.status = status;
    delivery.version = id;
    return delivery;
  }

  pg::Statement add_;
  pg::Statement move_;
  Touched<PurchaseId, Touch> deliveries_;
};

// --- Queries -------------------------------------------------------------------------------------

DeliveryRow read_delivery(pg::Row& row) {
  return {
      .id = row.next<PurchaseId>(),
      .buyer = row.next<AccountId>(),
      .recipient = {row.next<std::string>(), {row.next<std::string>(), row.next<std::string>()}},
      .items = read_items(row.next<pg::Json>()),
      .status = parse_delivery_status(row.next<std::string>()).value(),
      .carrier = row.next<std::string>(),
      .tracking_number = row.next<std::string>(),
      .scans = read_scans(row.next<pg::Jsonb>()),
      .opened_at = row.next<Timestamp>(),
      .closed_at = row.next_optional<Timestamp>(),
      .version = read_event_id(row),
  };
}

DeliverySummary read_summary(pg::Row& row) {
  return {
      .id = row.next<PurchaseId>(),
      .buyer = row.next<AccountId>(),
      .recipient = {row.next<std::string>(), {row.next<std::string>(), row.next<std::string>()}},
      .items = read_items(row.next<pg::Json>()),
      .status = parse_delivery_status(row.next<std::string>()).value(),
      .scan_count = row.next<std::int32_t>(),
      .last_scan = read_last_scan(row.next_optional<pg::Jsonb>()),
      .opened_at = row.next<Timestamp>(),
      .closed_at = row.next_optional<Timestamp>(),
      .version = read_event_id(row),
  };
}

constexpr QueryText by_id{
    "delivery_by_id", "deliveries",
    "SELECT id, buyer_id, recipient, address_line, zip_code, items, status, carrier, "
    "tracking_number, scans, opened_at, closed_at, version_position, version_index "
    "FROM {schema}.deliveries WHERE id = asked.key",
    "asked.key", id_key};

// The status determines whether a delivery is closed. The open statuses come first.
constexpr std::array statuses{
    DeliveryStatus::preparing,
    DeliveryStatus::label_created,
    DeliveryStatus::picked_up,
    DeliveryStatus::in_transit,
    DeliveryStatus::out_for_delivery,
    DeliveryStatus::attempt_failed,
    DeliveryStatus::available_for_pickup,
    DeliveryStatus::exception,
    DeliveryStatus::delivered,
    DeliveryStatus::returned_to_sender,
    DeliveryStatus::cancelled,
    DeliveryStatus::receipt_confirmed,
};
static_assert(statuses.size() == static_cast<std::size_t>(DeliveryStatus::last) + 1);
constexpr std::size_t open_statuses = 9;

std::string list_sql(const std::string& rows) {
  return page_sql(rows, "items_bytes + octet_length(address_line)",
                  "id, buyer_id, recipient, address_line, zip_code, items, status, scan_count, "
                  "last_scan, opened_at, closed_at, version_position, version_index");
}

std::vector<std::string> first_statuses(std::size_t count) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i)
    names.push_back("'" + std::string(to_string(statuses[i])) + "'");
  return names;
}

std::string list_sql_of(std::span<const std::string> statuses_in_sql,
                        std::optional<OfColumn> of = std::nullopt) {
  return list_sql(newest_of_statuses("deliveries", statuses_in_sql, of));
}

constexpr OfColumn of_buyer{"buyer_id", "$3"};
const std::string third[] = {"$3"};
const std::string fourth[] = {"$4"};

// One text per combination of filters, so that each has a plan of its own.
enum class Which { open, all, of_status };
struct ListText {
  Which which;
  bool of_buyer;
  std::string name;
  std::string sql;
  QueryText text{name, "deliveries", sql};
};

const ListText lists[] = {
    {Which::open, false, "open_deliveries", list_sql_of(first_statuses(open_statuses))},
    {Which::open, true, "open_deliveries_of_buyer",
     list_sql_of(first_statuses(open_statuses), of_buyer)},
    {Which::all, false, "all_deliveries",
     list_sql("SELECT * FROM {schema}.deliveries WHERE id < $1 ORDER BY id DESC LIMIT $2")},
    {Which::all, true, "all_deliveries_of_buyer",
     list_sql_of(first_statuses(statuses.size()), of_buyer)},
    {Which::of_status, false, "deliveries_of_status", list_sql_of(third)},
    {Which::of_status, true, "deliveries_of_buyer_and_status", list_sql_of(fourth, of_buyer)},
};

const QueryText& list_for(const DeliveryFilter& filter) {
  const Which which = filter.status           ? Which::of_status
                      : filter.include_closed ? Which::all
                                              : Which::open;
  for (const ListText& list : lists)
    if (list.which == which && list.of_buyer == filter.buyer.has_value()) return list.text;
  invariant(false, "every combination of filters has its list");
  return lists[0].text;
}

}  // namespace deliveries

const ReadModel deliveries_model{
    .name = "deliveries",
    .ddl = sql::deliveries,
    .key = "id",
    .entity = "id",
    .version = "version_position, version_index",
    .fold_version = 2,
    .fold = [](std::string_view schema) -> std::unique_ptr<Fold> {
      return std::make_unique<deliveries::DeliveriesFold>(schema);
    },
};

Query<std::optional<DeliveryRow>> delivery_by_id(const PurchaseId& id) {
  return one_row<deliveries::read_delivery>(deliveries::by_id, pg::Params::of(id));
}

Query<Page<DeliverySummary>> list_deliveries(const DeliveryFilter& filter,
                                             const From<PurchaseId>& from) {
  pg::Params params = pg::Params::of(cursor_of(from), rows_for(from));
  if (filter.buyer) params.add(*filter.buyer);
  if (filter.status) params.add(to_string(*filter.status));
  return page_of_rows<deliveries::read_summary>(deliveries::list_for(filter), std::move(params),
                                                from.limit);
}

}  // namespace jangbu
