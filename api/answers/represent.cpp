#include "api/answers/represent.hpp"

namespace jangbu {

namespace {

// Fields that were not given are left out.
void put_text(Json& json, const char* name, std::string_view text) {
  if (!text.empty()) json.add(name, text);
}

void put_time(Json& json, const char* name, const std::optional<Timestamp>& time) {
  if (time) json.add(name, to_string(*time));
}

Json to_json(const PurchaseLine& line) {
  return {{"productId", to_string(line.product)},
          {"product", line.name},
          {"unitPrice", jangbu::to_json(line.unit_price)},
          {"quantity", line.quantity},
          {"total", jangbu::to_json(line.total)}};
}

Json to_json(const DeliveryItem& item) {
  return {
      {"productId", to_string(item.product)}, {"product", item.name}, {"quantity", item.quantity}};
}

template <class Value>
Json to_json(const std::vector<Value>& values) {
  Json json = Json::array();
  for (const Value& value : values) json.push_back(to_json(value));
  return json;
}

Json buyer_to_json(AccountId buyer, const Recipient& recipient) {
  return {{"id", to_string(buyer)}, {"name", recipient.name}};
}

// An event's content, field by field.
struct Fact {
  Json operator()(const AccountOpened& event) const { return account(event.state); }
  Json operator()(const AddressChanged& event) const { return account(event.state); }
  Json operator()(const AccountDetailsChanged& event) const { return account(event.state); }
  Json operator()(const AccountClosed& event) const {
    Json json = account(event.state);
    put_time(json, "closedAt", event.closed_at);
    return json;
  }
  Json operator()(const ProductListed& event) const { return product(event.state); }
  Json operator()(const PriceChanged& event) const { return product(event.state); }
  Json operator()(const StockChanged& event) const {
    Json json = product(event.state);
    json.add("change", event.change);
    put_text(json, "reason", event.reason);
    return json;
  }
  Json operator()(const ProductWithdrawn& event) const {
    Json json = product(event.state);
    put_time(json, "withdrawnAt", event.withdrawn_at);
    return json;
  }
  Json operator()(const PurchaseCompleted& event) const {
    return {{"id", to_string(event.purchase)},
            {"buyer", buyer_to_json(event.buyer, event.recipient)},
            {"address", jangbu::to_json(event.recipient.address)},
            {"lines", to_json(event.lines)},
            {"total", jangbu::to_json(event.total)},
            {"quoted", event.quote.has_value()},
            {"purchasedAt", to_string(event.purchased_at)}};
  }
  Json operator()(const PurchaseCancelled& event) const {
    Json json{{"id", to_string(event.purchase)},
              {"buyer", buyer_to_json(event.buyer, event.recipient)},
              {"lines", to_json(event.lines)},
              {"total", jangbu::to_json(event.total)}};
    put_text(json, "reason", event.reason);
    json.add("cancelledAt", to_string(event.cancelled_at));
    return json;
  }
  Json operator()(const DeliveryScanned& event) const {
    return {{"id", to_string(event.purchase)},
            {"buyerId", to_string(event.buyer)},
            {"status", to_string(event.status)},
            {"scan", to_json(event.scan)}};
  }
  Json operator()(const ReceiptConfirmed& event) const {
    return {{"id", to_string(event.purchase)},
            {"buyerId", to_string(event.buyer)},
            {"confirmedAt", to_string(event.confirmed_at)}};
  }
  Json operator()(const NothingChanged& event) const {
    Json json{{"id", to_string(event.entity.id)}, {"version", to_string(event.version)}};
    if (event.stock) json.add("stock", *event.stock);
    return json;
  }

 private:
  static Json account(const AccountState& state) {
    Json json{{"id", to_string(state.account)}, {"name", state.person.name}};
    put_text(json, "email", state.person.email);
    json.add("address", jangbu::to_json(state.person.address));
    json.add("memberType", to_string(state.member_type));
    put_text(json, "membershipLevel", to_string(state.membership_level));
    if (state.owner) json.add("owner", to_string(*state.owner));
    return json;
  }
  static Json product(const ProductState& state) {
    Json json{{"id", to_string(state.product)},
              {"name", state.name},
              {"unitPrice", jangbu::to_json(state.unit_price)},
              {"stock", state.stock}};
    put_text(json, "description", state.description);
    if (state.seller) json.add("seller", to_string(*state.seller));
    return json;
  }
};

PurchaseStatus purchase_status(DeliveryStatus status) {
  switch (status) {
    case DeliveryStatus::cancelled:
      return PurchaseStatus::cancelled;
    case DeliveryStatus::returned_to_sender:
      return PurchaseStatus::returned;
    case DeliveryStatus::receipt_confirmed:
      return PurchaseStatus::received;
    default:
      return PurchaseStatus::completed;
  }
}

Json product_json(const ProductRow& product, std::optional<std::int64_t> stock) {
  Json json{{"id", to_string(product.id)},
            {"name", product.name},
            {"unitPrice", jangbu::to_json(product.unit_price)}};
  if (stock) json.add("stock", *stock);
  put_text(json, "description", product.description);
  json.add("listedAt", to_string(product.listed_at));
  put_time(json, "withdrawnAt", product.withdrawn_at);
  json.add("version", to_string(product.version));
  return json;
}

// What a delivery and its summary have in common, except the scans, which `add_scans` adds.
template <class Delivery, class AddScans>
Json delivery_json(const Delivery& delivery, const AddScans& add_scans) {
  Json json{{"id", to_string(delivery.id)},
            {"buyer", buyer_to_json(delivery.buyer, delivery.recipient)},
            {"recipient", delivery.recipient.name},
            {"address", jangbu::to_json(delivery.recipient.address)},
            {"items", to_json(delivery.items)},
            {"status", to_string(delivery.status)}};
  add_scans(json);
  json.add("openedAt", to_string(delivery.opened_at));
  put_time(json, "closedAt", delivery.closed_at);
  json.add("version", to_string(delivery.version));
  return json;
}

// `bought` is the row or the event that says what was bought.
template <class Bought>
Json purchase_json(const Bought& bought, const PurchaseId& id, PurchaseStatus status,
                   const std::optional<Timestamp>& cancelled_at, EventId version) {
  Json json{{"id", to_string(id)},
            {"buyer", buyer_to_json(bought.buyer, bought.recipient)},
            {"address", jangbu::to_json(bought.recipient.address)},
            {"lines", to_json(bought.lines)},
            {"total", jangbu::to_json(bought.total)},
            {"status", to_string(status)},
            {"purchasedAt", to_string(bought.purchased_at)}};
  put_time(json, "cancelledAt", cancelled_at);
  json.add("version", to_string(version));
  return json;
}

}  // namespace

AccountRow to_row(const AccountView& view) {
  const AccountState& state = view.state;
  return {.id = state.account,
          .name = state.person.name,
          .email = state.person.email,
          .address = state.person.address,
          .member_type = state.member_type,
          .membership_level = state.membership_level,
          .opened_at = state.opened_at,
          .closed_at = view.closed_at,
          .owner = state.owner,
          .version = view.version};
}

ProductRow to_row(const ProductView& view) {
  const ProductState& state = view.state;
  return {.id = state.product,
          .name = state.name,
          .unit_price = state.unit_price,
          .stock = state.stock,
          .description = state.description,
          .listed_at = state.listed_at,
          .withdrawn_at = view.withdrawn_at,
          .seller = state.seller,
          .version = view.version};
}

DeliveryRow to_delivery_row(const PurchaseView& view) {
  const PurchaseCompleted& purchase = view.purchase;
  DeliveryRow row{.id = purchase.purchase,
                  .buyer = purchase.buyer,
                  .recipient = purchase.recipient,
                  .items = {},
                  .status = view.status,
                  .scans = view.scans,
                  .opened_at = purchase.purchased_at,
                  .closed_at = view.closed_at,
                  .version = view.delivery_version};
  for (const PurchaseLine& line : purchase.lines)
    row.items.push_back({line.product, line.name, line.quantity});
  return row;
}

Json to_json(const Money& money) {
  return {{"amount", money.amount}, {"currency", to_string(money.currency)}};
}

Json to_json(const Address& address) {
  return {{"line", address.line}, {"zipCode", address.zip_code}};
}

Json to_json(const Scan& scan) {
  Json json{{"carrier", scan.carrier},
            {"trackingNumber", scan.tracking_number},
            {"status", to_string(scan.status)}};
  put_text(json, "location", scan.location);
  put_text(json, "code", scan.code);
  json.add("occurredAt", to_string(scan.occurred_at));
  return json;
}

Json to_json(const AccountRow& account) {
  Json json{{"id", to_string(account.id)}, {"name", account.name}};
  put_text(json, "email", account.email);
  json.add("address", to_json(account.address));
  json.add("memberType", to_string(account.member_type));
  put_text(json, "membershipLevel", to_string(account.membership_level));
  json.add("openedAt", to_string(account.opened_at));
  put_time(json, "closedAt", account.closed_at);
  json.add("version", to_string(account.version));
  return json;
}

std::string tag_of(const ProductRow& product) {
  return to_string(product.version) + "-" + std::to_string(product.stock);
}

Json to_json(const ProductRow& product) {
  return product_json(product, product.stock);
}

Json past_to_json(const ProductRow& product) {
  return product_json(product, std::nullopt);
}

Json to_json(const PurchaseRow& row) {
  return purchase_json(row, row.id, row.status, row.cancelled_at, row.version);
}

Json purchase_to_json(const PurchaseView& view) {
  const bool cancelled = view.status == DeliveryStatus::cancelled;
  return purchase_json(view.purchase, view.purchase.purchase, purchase_status(view.status),
                       cancelled ? view.closed_at : std::nullopt, view.purchase_version);
}

Json to_json(const DeliveryRow& delivery) {
  return delivery_json(delivery, [&](Json& json) {
    if (!delivery.scans.empty()) {
      json.add("carrier", delivery.scans.back().carrier);
      json.add("trackingNumber", delivery.scans.back().tracking_number);
    }
    json.add("scans", to_json(delivery.scans));
  });
}

Json to_json(const DeliverySummary& delivery) {
  return delivery_json(delivery, [&](Json& json) {
    json.add("scanCount", delivery.scan_count);
    if (!delivery.last_scan) return;
    json.add("carrier", delivery.last_scan->carrier);
    json.add("trackingNumber", delivery.last_scan->tracking_number);
    json.add("lastScan", to_json(*delivery.last_scan));
  });
}

Json to_json(const Offer& offer, const std::string& quote_id, Timestamp expires_at) {
  Json buyer = buyer_to_json(offer.buyer, offer.recipient);
  buyer.add("address", to_json(offer.recipient.address));
  return {{"quoteId", quote_id},
          {"buyer", std::move(buyer)},
          {"lines", to_json(offer.lines)},
          {"total", to_json(offer.total)},
          {"expiresAt", to_string(expires_at)}};
}

Json to_json(const HistoryRow& event) {
  const WireType wire = wire_type(event.recorded.event);
  Json json{{"id", to_string(event.id)},
            {"type", wire.name},
            {"version", wire.version},
            {"occurredAt", to_string(event.recorded.envelope.occurred_at)}};
  put_text(json, "correlation", event.recorded.envelope.correlation);
  put_text(json, "actor", event.recorded.envelope.actor);
  json.add("data", event_data(event.recorded.event));
  return json;
}

Json event_data(const Event& event) {
  return std::visit(Fact{}, event);
}

Json to_cloud_event(std::string_view source, EventId id, const RecordedEvent& recorded,
                    const std::optional<Author>& author) {
  const WireType wire = wire_type(recorded.event);
  const Envelope& envelope = recorded.envelope;
  Json json{{"specversion", "1.0"},
            {"id", to_string(id)},
            {"source", source},
            {"type", wire.name},
            {"typeversion", wire.version},
            {"subject", cloud_event_subject(entity_of(recorded.event))},
            {"time", to_string(envelope.occurred_at)}};
  put_text(json, "correlation", envelope.correlation);
  put_text(json, "causation", envelope.causation);
  put_text(json, "actor", envelope.actor);
  if (author) json.add("commitauthor", to_string(*author));
  json.add("datacontenttype", "application/json");
  json.add("data", event_data(recorded.event));
  return json;
}

std::string cloud_event_source(std::string_view shop) {
  return "/jangbu/" + std::string(shop);
}

std::string cloud_event_subject(const Entity& entity) {
  return std::string(to_string(entity.kind)) + '/' + to_string(entity.id);
}

}  // namespace jangbu
