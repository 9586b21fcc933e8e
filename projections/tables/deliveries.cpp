#include "projections/tables/deliveries.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "infra/json.hpp"
#include "infra/json_reader.hpp"
#include "projections/tables/columns.hpp"
#include "tables_sql.hpp"

namespace jangbu {

namespace deliveries {

std::string to_json(const std::vector<PurchaseLine>& lines) {
  Json all = Json::array();
  for (const PurchaseLine& line : lines) {
    Json json = Json::array();
    json.push_back(to_string(line.product));
    json.push_back(line.name);
    json.push_back(line.quantity);
    all.push_back(json);
  }
  return std::move(all).text();
}

std::vector<DeliveryItem> read_items(const std::string& text) {
  std::vector<DeliveryItem> items;
  JsonReader reader(text);
  reader.array([&] {
    DeliveryItem& item = items.emplace_back();
    std::string_view product;
    reader.tuple(product, item.name, item.quantity);
    item.product = parse_id<ProductId>(product).value();
  });
  return items;
}

std::string to_json(const Scan& scan) {
  Json json = Json::array();
  json.push_back(scan.carrier);
  json.push_back(scan.tracking_number);
  json.push_back(to_string(scan.status));
  json.push_back(scan.location);
  json.push_back(scan.code);
  json.push_back(scan.occurred_at.ms);
  return std::move(json).text();
}

Scan read_scan(JsonReader& reader) {
  Scan scan;
  std::string_view status;
  reader.tuple(scan.carrier, scan.tracking_number, status, scan.location, scan.code,
               scan.occurred_at.ms);
  scan.status = parse_delivery_status(status).value();
  return scan;
}

std::vector<Scan> read_scans(std::string text) {
  std::vector<Scan> scans;
  if (text.empty()) return scans;
  text.front() = '[';  // it was a comma
  text.push_back(']');
  JsonReader reader(text);
  reader.array([&] { scans.push_back(read_scan(reader)); });
  return scans;
}

std::optional<Scan> read_last_scan(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  JsonReader reader(*text);
  return read_scan(reader);
}

// What the columns `carrier`, `scans`, `scan_count` and `last_scan` hold of these.
struct ScanColumns {
  explicit ScanColumns(const std::vector<const Scan*>& scans)
      : count(static_cast<std::int32_t>(scans.size())) {
    if (!scans.empty()) carrier = scans.front()->carrier;
    for (const Scan* scan : scans) all.append(",").append(last.emplace(to_json(*scan)));
  }

  std::string_view carrier;
  std::string all;
  std::int32_t count;
  std::optional<std::string> last;
};

// The column `ended`.
std::string_view end_of(DeliveryStatus status, const std::optional<Timestamp>& closed_at) {
  return closed_at ? to_string(status) : not_ended;
}

// --- Fold ----------------------------------------------------------------------------------------

const std::string add_sql = insert_sql(sql::deliveries);

const std::string move_sql =
    "UPDATE {schema}.deliveries d SET ended = m.ended, "
    "closed_at = coalesce(m.closed_at, d.closed_at), "
    "carrier = coalesce(nullif(d.carrier, ''), m.carrier), scans = d.scans || m.scans, "
    "status = m.status, scan_count = d.scan_count + m.scan_count, "
    "last_scan = coalesce(m.last_scan, d.last_scan), "
    "version_position = m.version_position, version_index = m.version_index FROM " +
    rows_sql(sql::deliveries, {"id", "ended", "closed_at", "carrier", "scans", "status",
                               "scan_count", "last_scan", "version_position", "version_index"}) +
    " AS m WHERE d.id = m.id";

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
      : table_(std::string(schema) + ".deliveries"),
        add_{std::string(schema) + ".add", in_schema(add_sql, schema)},
        move_{std::string(schema) + ".move", in_schema(move_sql, schema)} {}

  void apply(EventId id, const RecordedEvent& recorded) override {
    std::visit([&](const auto& fact) { on(id, recorded, fact); }, recorded.event);
  }

  std::vector<Change> take(const Wanted& wanted) override {
    pg::BulkRows added, moved;
    for (const auto& [id, delivery] : deliveries_.take(wanted)) {
      const ScanColumns scans(delivery.scans);
      const std::string_view ended = end_of(delivery.status, delivery.closed_at);
      if (!delivery.completed) {
        moved.add(id, ended, delivery.closed_at, scans.carrier, scans.all,
                  to_string(delivery.status), scans.count, scans.last, delivery.version.position,
                  index_of(delivery.version));
        continue;
      }
      const PurchaseCompleted& fact = *delivery.completed;
      added.add(id, fact.buyer, fact.purchased_at, fact.recipient.name, fact.recipient.address.line,
                fact.recipient.address.zip_code, to_json(fact.lines), ended, delivery.closed_at,
                scans.carrier, scans.all, to_string(delivery.status), scans.count, scans.last,
                delivery.version.position, index_of(delivery.version));
    }
    std::vector<Change> changes;
    add_changes(changes, add_, std::move(added), table_);
    add_changes(changes, move_, std::move(moved));
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

  std::string table_;
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
      .items = read_items(row.next<std::string>()),
      .status = parse_delivery_status(row.next<std::string>()).value(),
      .scans = read_scans(row.next<std::string>()),
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
      .items = read_items(row.next<std::string>()),
      .status = parse_delivery_status(row.next<std::string>()).value(),
      .scan_count = row.next<std::int32_t>(),
      .last_scan = read_last_scan(row.next_optional<std::string>()),
      .opened_at = row.next<Timestamp>(),
      .closed_at = row.next_optional<Timestamp>(),
      .version = read_event_id(row),
  };
}

const std::string by_id_sql = row_of_key(
    "id, buyer_id, recipient, address_line, zip_code, items, status, scans, opened_at, closed_at, "
    "version_position, version_index",
    "deliveries", "id");
const QueryText by_id{"delivery_by_id", "deliveries", by_id_sql, "asked.key", id_key};

constexpr std::string_view view =
    "id, buyer_id, recipient, address_line, zip_code, "
    "(SELECT json_agg(json_build_object('productId', item->0, 'name', item->1, 'quantity', "
    "item->2)) FROM json_array_elements(items::json) item) AS items, status, carrier, "
    "coalesce(last_scan::json->>1, '') AS tracking_number, "
    "(SELECT coalesce(jsonb_agg(jsonb_build_object('carrier', scan->0, 'trackingNumber', scan->1, "
    "'status', scan->2, 'location', scan->3, 'code', scan->4, 'occurredAt', scan->5)), '[]') "
    "FROM jsonb_array_elements(('[' || substr(scans, 2) || ']')::jsonb) scan) AS scans, "
    "scan_count, opened_at, closed_at, version_position, version_index";

constexpr std::string_view ends[] = {"'~'", "'returned-to-sender'", "'cancelled'",
                                     "'receipt-confirmed'"};

std::string list_sql(const std::string& rows, std::string_view shown_if = "true") {
  return page_sql(rows, "octet_length(items) + octet_length(address_line)",
                  "id, buyer_id, recipient, address_line, zip_code, items, status, scan_count, "
                  "last_scan, opened_at, closed_at, version_position, version_index",
                  shown_if);
}

// No index knows the statuses of open deliveries, or every scan would have to change it, nor their
// carriers. Those with a certain one are looked for among the newest, a bounded number for a page:
// a row behind the last one looked at, never shown, tells that there may be more. `newest` selects
// `most_searched` rows.
std::string search_sql(const std::string& newest, const std::string& condition) {
  const std::string most = std::to_string(most_searched);
  return list_sql(
      "SELECT d.*, is_end FROM (SELECT * FROM (SELECT id, status, carrier, row_number() OVER () "
      "FROM (" +
          newest +
          ") newest) looked_at, (VALUES (false), (true)) mark (is_end) WHERE CASE WHEN is_end "
          "THEN row_number = " +
          most + " ELSE " + condition +
          " END ORDER BY row_number, is_end LIMIT $2) found, LATERAL (" +
          row_of_key("*", "deliveries", "id", "true", "found.id") +
          ") d ORDER BY row_number, is_end",
      "NOT is_end");
}

// One text per combination of filters, so that each has a plan of its own.
enum class Which { open, all, of_open_status, of_end };
struct ListText {
  std::string name;
  std::string sql;
};

// The parameters from $3 on are the buyer, the status and the carrier, as far as they are given.
ListText list_of(Which which, std::string_view name, bool of_buyer, bool of_carrier) {
  int parameters = 2;
  const auto next = [&] { return '$' + std::to_string(++parameters); };
  const bool of_status = which == Which::of_open_status || which == Which::of_end;
  const std::string buyer = of_buyer ? next() : "", status = of_status ? next() : "",
                    carrier = of_carrier ? next() : "";

  const bool searches = which == Which::of_open_status || of_carrier;
  const std::string most = searches ? std::to_string(most_searched) : "$2";
  const std::string_view end_of_status[] = {status};
  using Ends = std::span<const std::string_view>;
  const Ends of_ends = which == Which::all      ? Ends(ends)
                       : which == Which::of_end ? Ends(end_of_status)
                                                : Ends(ends, 1);
  const std::string newest =
      which == Which::all && !of_buyer
          ? "SELECT * FROM {schema}.deliveries WHERE id < $1 ORDER BY id DESC LIMIT " + most
          : newest_of_ends("deliveries", of_ends, most,
                           of_buyer ? std::optional(OfColumn{"buyer_id", buyer}) : std::nullopt);

  std::string condition = "true";
  if (which == Which::of_open_status) condition += " AND status = " + status;
  if (of_carrier) condition += " AND carrier = " + carrier;
  return {std::string(name) + (of_buyer ? "_of_buyer" : "") + (of_carrier ? "_of_carrier" : ""),
          searches ? search_sql(newest, condition) : list_sql(newest)};
}

constexpr std::size_t number_of(Which which, bool of_buyer, bool of_carrier) {
  return 4 * static_cast<std::size_t>(which) + (of_carrier ? 2 : 0) + (of_buyer ? 1 : 0);
}

// By number_of().
const auto lists = [] {
  using enum Which;
  constexpr std::string_view names[] = {"open_deliveries", "all_deliveries",
                                        "deliveries_of_open_status", "deliveries_of_end"};
  std::array<ListText, 16> all_lists;
  for (const Which which : {open, all, of_open_status, of_end})
    for (const bool of_buyer : {false, true})
      for (const bool of_carrier : {false, true})
        all_lists[number_of(which, of_buyer, of_carrier)] =
            list_of(which, names[static_cast<std::size_t>(which)], of_buyer, of_carrier);
  return all_lists;
}();

// Made of `lists`, which stay where they are.
const auto list_texts = [] {
  std::array<QueryText, lists.size()> texts;
  std::ranges::transform(lists, texts.begin(), [](const ListText& list) {
    return QueryText{list.name, "deliveries", list.sql};
  });
  return texts;
}();

const QueryText& list_for(const DeliveryFilter& filter) {
  const Which which = filter.status
                          ? is_closed(*filter.status) ? Which::of_end : Which::of_open_status
                      : filter.include_closed ? Which::all
                                              : Which::open;
  return list_texts[number_of(which, filter.buyer.has_value(), filter.carrier.has_value())];
}

}  // namespace deliveries

const ReadModel deliveries_model{
    .name = "deliveries",
    .ddl = sql::deliveries,
    .key = "id",
    .entity = "id",
    .version = "version_position, version_index",
    .fold_version = 4,
    .fold = [](std::string_view schema) -> std::unique_ptr<Fold> {
      return std::make_unique<deliveries::DeliveriesFold>(schema);
    },
    .view = deliveries::view,
};

Query<std::optional<DeliveryRow>> delivery_by_id(const PurchaseId& id) {
  return one_row<deliveries::read_delivery>(deliveries::by_id, pg::Params::of(id));
}

Query<Page<DeliverySummary>> list_deliveries(const DeliveryFilter& filter,
                                             const From<PurchaseId>& from) {
  pg::Params params = pg::Params::of(cursor_of(from), rows_for(from));
  if (filter.buyer) params.add(*filter.buyer);
  if (filter.status) params.add(to_string(*filter.status));
  if (filter.carrier) params.add(*filter.carrier);
  return page_of_rows<deliveries::read_summary>(deliveries::list_for(filter), std::move(params),
                                                from.limit);
}

}  // namespace jangbu
