#include "projections/tables/deliveries.hpp"

#include <array>
#include <nlohmann/json.hpp>

#include "projections/tables/json_text.hpp"
#include "tables_sql.hpp"

namespace jangbu {

namespace {

pg::Json to_json(const std::vector<PurchaseLine>& lines) {
  JsonObjects json;
  for (const PurchaseLine& line : lines) {
    json.begin_object();
    json.field("productId", to_string(line.product));
    json.field("name", line.name);
    json.field("quantity", line.quantity);
    json.end_object();
  }
  return {std::move(json).take()};
}

std::vector<DeliveryItem> read_items(const pg::Json& json) {
  std::vector<DeliveryItem> items;
  for (const auto& item : nlohmann::json::parse(json.text))
    items.push_back({
        .product = parse_id<ProductId>(item.at("productId").get_ref<const std::string&>()).value(),
        .name = item.at("name"),
        .quantity = item.at("quantity"),
    });
  return items;
}

pg::Jsonb to_json(const std::vector<const Scan*>& scans) {
  JsonObjects json;
  for (const Scan* scan : scans) {
    json.begin_object();
    json.field("carrier", scan->carrier);
    json.field("trackingNumber", scan->tracking_number);
    json.field("status", to_string(scan->status));
    json.field("location", scan->location);
    json.field("code", scan->code);
    json.field("occurredAt", scan->occurred_at.ms);
    json.end_object();
  }
  return {std::move(json).take()};
}

std::vector<Scan> read_scans(const pg::Jsonb& json) {
  std::vector<Scan> scans;
  for (const auto& scan : nlohmann::json::parse(json.text))
    scans.push_back({
        .carrier = scan.at("carrier"),
        .tracking_number = scan.at("trackingNumber"),
        .status = parse_delivery_status(scan.at("status").get_ref<const std::string&>()).value(),
        .location = scan.at("location"),
        .code = scan.at("code"),
        .occurred_at = {scan.at("occurredAt")},
    });
  return scans;
}

// --- Fold ----------------------------------------------------------------------------------------

constexpr std::string_view add_sql = R"(
INSERT INTO {schema}.deliveries
SELECT unnest($1::uuid[]), unnest($2::uuid[]), unnest($3::text[]), unnest($4::text[]),
       unnest($5::text[]), unnest($6::json[]), unnest($7::text[]), unnest($8::text[]),
       unnest($9::text[]), unnest($10::jsonb[]), unnest($11::timestamptz[]),
       unnest($12::timestamptz[]), unnest($13::bigint[]), unnest($14::int[]))";

constexpr std::string_view move_sql = R"(
UPDATE {schema}.deliveries d SET
  status = moved.status, closed_at = coalesce(moved.closed_at, d.closed_at),
  carrier = coalesce(moved.carrier, d.carrier),
  tracking_number = coalesce(moved.tracking_number, d.tracking_number),
  scans = d.scans || moved.scans,
  version_position = moved.position, version_index = moved.index
FROM (SELECT unnest($1::uuid[]) AS id, unnest($2::text[]) AS status, unnest($3::text[]) AS carrier,
             unnest($4::text[]) AS tracking_number, unnest($5::jsonb[]) AS scans,
             unnest($6::timestamptz[]) AS closed_at, unnest($7::bigint[]) AS position,
             unnest($8::int[]) AS index) AS moved
WHERE d.id = moved.id)";

struct Touch {
  const PurchaseCompleted* completed = nullptr;  // in this batch: a new row
  DeliveryStatus status = DeliveryStatus::preparing;
  std::vector<const Scan*> scans;  // of this batch
  std::optional<Timestamp> closed_at;
  EventId version;
};

class DeliveriesFold final
    : public Fold,
      Ignores<AccountOpened, AddressChanged, AccountDetailsChanged, AccountClosed, ProductListed,
              PriceChanged, StockChanged, ProductWithdrawn, NothingChanged> {
 public:
  explicit DeliveriesFold(std::string_view schema)
      : add_{std::string(schema) + ".add", in_schema(add_sql, schema)},
        move_{std::string(schema) + ".move", in_schema(move_sql, schema)} {}

  void apply(EventId id, const RecordedEvent& recorded) override {
    std::visit([&](const auto& fact) { on(id, recorded, fact); }, recorded.event);
  }

  std::vector<Change> take(const Wanted& wanted) override {
    New added;
    Moved moved;
    for (const auto& [id, delivery] : deliveries_.take(wanted))
      delivery.completed ? added.push(id, delivery) : moved.push(id, delivery);
    std::vector<Change> changes;
    if (const std::size_t rows = added.ids.size())
      changes.push_back({&add_, added.take(), rows, true});
    if (const std::size_t rows = moved.ids.size()) changes.push_back({&move_, moved.take(), rows});
    return changes;
  }

 private:
  struct New {
    pg::Array<PurchaseId> ids;
    pg::Array<AccountId> buyers;
    pg::Array<std::string> recipients, address_lines, zip_codes, stati, carriers, tracking_numbers;
    pg::Array<pg::Json> items;
    pg::Array<pg::Jsonb> scans;
    pg::Array<Timestamp> opened, closed;
    pg::Array<Position> positions;
    pg::Array<std::int32_t> indexes;

    void push(const PurchaseId& id, const Touch& delivery) {
      const PurchaseCompleted& fact = *delivery.completed;
      ids.push(id);
      buyers.push(fact.buyer);
      recipients.push(fact.recipient.name);
      address_lines.push(fact.recipient.address.line);
      zip_codes.push(fact.recipient.address.zip_code);
      items.push(to_json(fact.lines));
      stati.push(to_string(delivery.status));
      carriers.push(delivery.scans.empty() ? "" : delivery.scans.back()->carrier);
      tracking_numbers.push(delivery.scans.empty() ? "" : delivery.scans.back()->tracking_number);
      scans.push(to_json(delivery.scans));
      opened.push(fact.purchased_at);
      closed.push(delivery.closed_at);
      positions.push(delivery.version.position);
      indexes.push(static_cast<std::int32_t>(delivery.version.index));
    }
    pg::Params take() {
      return pg::Params::take(ids, buyers, recipients, address_lines, zip_codes, items, stati,
                              carriers, tracking_numbers, scans, opened, closed, positions,
                              indexes);
    }
  };

  struct Moved {
    pg::Array<PurchaseId> ids;
    pg::Array<std::string> stati, carriers, tracking_numbers;
    pg::Array<pg::Jsonb> scans;
    pg::Array<Timestamp> closed;
    pg::Array<Position> positions;
    pg::Array<std::int32_t> indexes;

    void push(const PurchaseId& id, const Touch& delivery) {
      std::optional<std::string_view> carrier, tracking_number;
      if (!delivery.scans.empty()) {
        carrier = delivery.scans.back()->carrier;
        tracking_number = delivery.scans.back()->tracking_number;
      }
      ids.push(id);
      stati.push(to_string(delivery.status));
      carriers.push(carrier);
      tracking_numbers.push(tracking_number);
      scans.push(to_json(delivery.scans));
      closed.push(delivery.closed_at);
      positions.push(delivery.version.position);
      indexes.push(static_cast<std::int32_t>(delivery.version.index));
    }
    pg::Params take() {
      return pg::Params::take(ids, stati, carriers, tracking_numbers, scans, closed, positions,
                              indexes);
    }
  };

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

constexpr QueryText by_id{"delivery_by_id", "deliveries",
                          "SELECT * FROM {schema}.deliveries WHERE id = $1", "$1"};

// One for every combination of filters, so that each has a plan of its own.
struct ListText {
  bool include_closed;
  bool of_buyer;
  bool of_status;
  QueryText text;
};

#define SELECT_DELIVERIES "SELECT * FROM {schema}.deliveries WHERE id < $1 "
#define NEWEST_FIRST " ORDER BY id DESC LIMIT $2"
constexpr std::array<ListText, 8> lists{{
    {false,
     false,
     false,
     {"open_deliveries", "deliveries", SELECT_DELIVERIES "AND closed_at IS NULL" NEWEST_FIRST}},
    {false,
     true,
     false,
     {"open_deliveries_of_buyer", "deliveries",
      SELECT_DELIVERIES "AND closed_at IS NULL AND buyer_id = $3" NEWEST_FIRST}},
    {false,
     false,
     true,
     {"open_deliveries_of_status", "deliveries",
      SELECT_DELIVERIES "AND closed_at IS NULL AND status = $3" NEWEST_FIRST}},
    {false,
     true,
     true,
     {"open_deliveries_of_buyer_and_status", "deliveries",
      SELECT_DELIVERIES "AND closed_at IS NULL AND buyer_id = $3 AND status = $4" NEWEST_FIRST}},
    {true, false, false, {"all_deliveries", "deliveries", SELECT_DELIVERIES NEWEST_FIRST}},
    {true,
     true,
     false,
     {"all_deliveries_of_buyer", "deliveries", SELECT_DELIVERIES "AND buyer_id = $3" NEWEST_FIRST}},
    {true,
     false,
     true,
     {"all_deliveries_of_status", "deliveries", SELECT_DELIVERIES "AND status = $3" NEWEST_FIRST}},
    {true,
     true,
     true,
     {"all_deliveries_of_buyer_and_status", "deliveries",
      SELECT_DELIVERIES "AND buyer_id = $3 AND status = $4" NEWEST_FIRST}},
}};
#undef SELECT_DELIVERIES
#undef NEWEST_FIRST

const QueryText& list_for(const DeliveryFilter& filter) {
  for (const ListText& list : lists)
    if (list.include_closed == filter.include_closed && list.of_buyer == filter.buyer.has_value() &&
        list.of_status == filter.status.has_value())
      return list.text;
  invariant(false, "every combination of filters has its list");
  return lists.front().text;
}

}  // namespace

const ReadModel deliveries_model{
    .name = "deliveries",
    .ddl = sql::deliveries,
    .key = "id",
    .entity = "id",
    .version = "version_position, version_index",
    .fold_version = 1,
    .fold = [](std::string_view schema) -> std::unique_ptr<Fold> {
      return std::make_unique<DeliveriesFold>(schema);
    },
};

Query<std::optional<DeliveryRow>> delivery_by_id(const PurchaseId& id) {
  return one_row<read_delivery>(by_id, pg::Params::of(id));
}

Query<Page<DeliveryRow>> list_deliveries(const DeliveryFilter& filter,
                                         const From<PurchaseId>& from) {
  pg::Params params = pg::Params::of(cursor_of(from), rows_for(from));
  if (filter.buyer) params.add(*filter.buyer);
  if (filter.status) params.add(to_string(*filter.status));
  return page_of_rows<read_delivery>(list_for(filter), std::move(params), from.limit);
}

}  // namespace jangbu
