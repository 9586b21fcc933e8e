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

std::string to_json(const std::vector<PurchaseLine>& lines) {
  Json all = Json::array();
  for (const PurchaseLine& line : lines) {
    Json json = Json::array();
    json.push_back(to_string(line.product));
    json.push_back(line.name);
    json.push_back(line.unit_price.amount);
    json.push_back(to_string(line.unit_price.currency));
    json.push_back(line.quantity);
    json.push_back(line.total.amount);
    all.push_back(json);
  }
  return std::move(all).text();
}

std::vector<PurchaseLine> read_lines(const std::string& text) {
  std::vector<PurchaseLine> lines;
  JsonReader reader(text);
  reader.array([&] {
    PurchaseLine& line = lines.emplace_back();
    std::string_view product, currency;
    reader.tuple(product, line.name, line.unit_price.amount, currency, line.quantity,
                 line.total.amount);
    line.product = parse_id<ProductId>(product).value();
    line.unit_price.currency = line.total.currency = parse_currency(currency).value();
  });
  return lines;
}

// The column `ended`.
std::string_view end_of(PurchaseStatus status) {
  return status == PurchaseStatus::completed ? not_ended : to_string(status);
}
PurchaseStatus status_of(const std::string& ended) {
  return ended == not_ended ? PurchaseStatus::completed : parse_purchase_status(ended).value();
}

// --- Fold ----------------------------------------------------------------------------------------

const std::string add_sql = insert_sql(sql::purchases);

const std::string end_sql =
    "UPDATE {schema}.purchases p SET ended = e.ended, "
    "cancelled_at = coalesce(e.cancelled_at, p.cancelled_at), "
    "version_position = e.version_position, version_index = e.version_index FROM " +
    rows_sql(sql::purchases, {"id", "ended", "cancelled_at", "version_position", "version_index"}) +
    " AS e WHERE p.id = e.id";

struct Touch {
  const PurchaseCompleted* completed = nullptr;  // in this batch: a new row
  PurchaseStatus status = PurchaseStatus::completed;
  std::optional<Timestamp> cancelled_at;
  EventId version;
};

class PurchasesFold final : public Fold, Ignores<AccountFacts, ProductFacts, NothingChanged> {
 public:
  explicit PurchasesFold(std::string_view schema)
      : table_(std::string(schema) + ".purchases"),
        add_{std::string(schema) + ".add", in_schema(add_sql, schema)},
        end_{std::string(schema) + ".end", in_schema(end_sql, schema)} {}

  void apply(EventId id, const RecordedEvent& recorded) override {
    std::visit([&](const auto& fact) { on(id, recorded, fact); }, recorded.event);
  }

  std::vector<Change> take(const Wanted& wanted) override {
    pg::BulkRows added, ended;
    for (const auto& [id, purchase] : purchases_.take(wanted)) {
      if (!purchase.completed) {
        ended.add(id, end_of(purchase.status), purchase.cancelled_at, purchase.version.position,
                  index_of(purchase.version));
        continue;
      }
      const PurchaseCompleted& fact = *purchase.completed;
      added.add(id, fact.buyer, fact.purchased_at, fact.total.amount,
                to_string(fact.total.currency), fact.recipient.name, fact.recipient.address.line,
                fact.recipient.address.zip_code, to_json(fact.lines), end_of(purchase.status),
                purchase.cancelled_at, purchase.version.position, index_of(purchase.version));
    }
    std::vector<Change> changes;
    add_changes(changes, add_, std::move(added), table_);
    add_changes(changes, end_, std::move(ended));
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

  std::string table_;
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
      .lines = read_lines(row.next<std::string>()),
      .total = read_money(row),
      .status = status_of(row.next<std::string>()),
      .purchased_at = row.next<Timestamp>(),
      .cancelled_at = row.next_optional<Timestamp>(),
      .version = read_event_id(row),
  };
}

constexpr std::string_view columns =
    "id, buyer_id, buyer_name, address_line, zip_code, lines, total, currency, ended, "
    "purchased_at, cancelled_at, version_position, version_index";
constexpr std::string_view bytes = "octet_length(lines) + octet_length(address_line)";

const std::string by_id_sql = row_of_key(columns, "purchases", "id");
const QueryText by_id{"purchase_by_id", "purchases", by_id_sql, "asked.key", id_key};

constexpr std::string_view view =
    "id, buyer_id, buyer_name, address_line, zip_code, (SELECT json_agg(json_build_object("
    "'productId', line->0, 'name', line->1, 'unitPrice', line->2, 'currency', line->3, "
    "'quantity', line->4, 'total', line->5)) FROM json_array_elements(lines::json) line) AS lines, "
    "total, currency, CASE ended WHEN '~' THEN 'completed' ELSE ended END AS status, "
    "purchased_at, cancelled_at, version_position, version_index";

std::string list_sql(const std::string& rows) {
  return page_sql(rows, bytes, columns);
}

std::string list_sql_of(std::span<const std::string_view> ends,
                        std::optional<OfColumn> of = std::nullopt) {
  return list_sql(newest_of_ends("purchases", ends, "$2", of));
}

constexpr std::string_view ends[] = {"'~'", "'cancelled'", "'returned'", "'received'"};
constexpr std::string_view third[] = {"$3"};
constexpr std::string_view fourth[] = {"$4"};
constexpr OfColumn of_buyer{"buyer_id", "$3"};

const std::string all_sql =
    list_sql("SELECT * FROM {schema}.purchases WHERE id < $1 ORDER BY id DESC LIMIT $2");
const std::string of_buyer_sql = list_sql_of(ends, of_buyer);
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
    .fold_version = 2,
    .fold = [](std::string_view schema) -> std::unique_ptr<Fold> {
      return std::make_unique<purchases::PurchasesFold>(schema);
    },
    .view = purchases::view,
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
    params.add(purchases::end_of(*filter.status));
    text = filter.buyer ? &purchases::list_of_buyer_and_status : &purchases::list_of_status;
  }
  return page_of_rows<purchases::read_purchase>(*text, std::move(params), from.limit);
}

}  // namespace jangbu
