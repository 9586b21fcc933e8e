#include "api/publishing/public_event.hpp"

#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "api/answers/represent.hpp"
#include "api/publishing/schemas.hpp"
#include "infra/json.hpp"

namespace jangbu {

namespace {

// An event's public data, and the version of the schema that they conform to.
struct Content {
  unsigned schema_version = 0;
  Json data;
};

Json lines_to_json(const std::vector<PurchaseLine>& lines) {
  Json json = Json::array();
  for (const PurchaseLine& line : lines)
    json.push_back(Json{{"productId", to_string(line.product)},
                        {"product", line.name},
                        {"unitPrice", to_json(line.unit_price)},
                        {"quantity", line.quantity},
                        {"total", to_json(line.total)}});
  return json;
}

// What is public of an event, field by field. An event that is not named here does not compile.
class Published {
 public:
  explicit Published(const PublicView& view) : view_(view) {}

  using Result = std::optional<Content>;

  Result operator()(const AccountOpened& event) const {
    Json data{{"id", to_string(event.state.account)},
              {"memberType", to_string(event.state.member_type)}};
    put_level(data, event.state);
    data.add("openedAt", to_string(event.state.opened_at));
    return Content{1, std::move(data)};
  }
  Result operator()(const AddressChanged& event) const {
    return Content{1, {{"id", to_string(event.state.account)}}};
  }
  Result operator()(const AccountDetailsChanged& event) const {
    Json data{{"id", to_string(event.state.account)}};
    put_level(data, event.state);
    return Content{1, std::move(data)};
  }
  Result operator()(const AccountClosed& event) const {
    return Content{
        1, {{"id", to_string(event.state.account)}, {"closedAt", to_string(event.closed_at)}}};
  }

  Result operator()(const ProductListed& event) const {
    const ProductState& state = event.state;
    Json data{{"id", to_string(state.product)},
              {"name", state.name},
              {"unitPrice", to_json(state.unit_price)},
              {"stock", state.stock}};
    if (!state.description.empty()) data.add("description", state.description);
    data.add("listedAt", to_string(state.listed_at));
    return Content{1, std::move(data)};
  }
  Result operator()(const PriceChanged& event) const {
    return Content{
        1,
        {{"id", to_string(event.state.product)}, {"unitPrice", to_json(event.state.unit_price)}}};
  }
  Result operator()(const StockChanged& event) const {
    return Content{1,
                   {{"id", to_string(event.state.product)},
                    {"change", event.change},
                    {"stock", event.state.stock}}};
  }
  Result operator()(const ProductWithdrawn& event) const {
    return Content{
        1,
        {{"id", to_string(event.state.product)}, {"withdrawnAt", to_string(event.withdrawn_at)}}};
  }

  Result operator()(const PurchaseCompleted& event) const {
    Json data{{"id", to_string(event.purchase)}, {"buyerId", to_string(event.buyer)}};
    if (view_.recipients)
      data.add("recipient",
               Json{{"name", event.recipient.name}, {"address", to_json(event.recipient.address)}});
    data.add("lines", lines_to_json(event.lines));
    data.add("total", to_json(event.total));
    data.add("purchasedAt", to_string(event.purchased_at));
    return Content{1, std::move(data)};
  }
  Result operator()(const PurchaseCancelled& event) const {
    return Content{1,
                   {{"id", to_string(event.purchase)},
                    {"buyerId", to_string(event.buyer)},
                    {"lines", lines_to_json(event.lines)},
                    {"total", to_json(event.total)},
                    {"purchasedAt", to_string(event.purchased_at)},
                    {"cancelledAt", to_string(event.cancelled_at)}}};
  }
  Result operator()(const DeliveryScanned& event) const {
    Json data{{"id", to_string(event.purchase)},
              {"buyerId", to_string(event.buyer)},
              {"status", to_string(event.status)}};
    if (event.previous) data.add("previousStatus", to_string(*event.previous));
    data.add("scan", Json{{"carrier", event.scan.carrier},
                          {"status", to_string(event.scan.status)},
                          {"occurredAt", to_string(event.scan.occurred_at)}});
    return Content{1, std::move(data)};
  }
  Result operator()(const ReceiptConfirmed& event) const {
    return Content{1,
                   {{"id", to_string(event.purchase)},
                    {"buyerId", to_string(event.buyer)},
                    {"confirmedAt", to_string(event.confirmed_at)}}};
  }

  // A note for the shop's own memory of idempotency keys: nothing happened.
  Result operator()(const NothingChanged&) const { return std::nullopt; }

 private:
  static void put_level(Json& data, const AccountState& state) {
    if (state.membership_level != MembershipLevel::none)
      data.add("membershipLevel", to_string(state.membership_level));
  }

  const PublicView& view_;
};

std::string padded(std::uint64_t number, std::size_t digits) {
  std::string text = std::to_string(number);
  if (text.size() < digits) text.insert(0, digits - text.size(), '0');
  return text;
}

// An event's place in the log, so that it sorts as a string (the extension `sequence`).
std::string sequence_of(EventId id) {
  return padded(id.position.value, 20) + '.' + padded(id.index, 5);
}

template <class... Events>
std::vector<std::string_view> public_types_of(const std::variant<Events...>*) {
  std::vector<std::string_view> types;
  const PublicView view{};
  ((Published(view)(Events{}) ? types.push_back(Events::wire.name) : void()), ...);
  return types;
}

}  // namespace

std::string public_subject(std::string_view shop, EntityKind kind, std::string_view type) {
  std::string subject = "jangbu";
  for (const std::string_view token : {shop, to_string(kind), type})
    subject.append(".").append(token);
  return subject;
}

std::optional<PublicEvent> to_public(const PublicView& view, EventId id,
                                     const RecordedEvent& recorded) {
  const auto content = std::visit(Published(view), recorded.event);
  if (!content) return std::nullopt;
  const std::string_view type = wire_type(recorded.event).name;
  const Entity entity = entity_of(recorded.event);
  const Json event{{"specversion", "1.0"},
                   {"id", to_string(id)},
                   {"source", cloud_event_source(view.shop)},
                   {"type", type},
                   {"subject", cloud_event_subject(entity)},
                   {"time", to_string(recorded.envelope.occurred_at)},
                   {"datacontenttype", "application/json"},
                   {"dataschema", schema_uri(type, content->schema_version)},
                   {"sequence", sequence_of(id)},
                   {"data", content->data}};
  return PublicEvent{public_subject(view.shop, entity.kind, type), event.text()};
}

const std::vector<std::string_view>& public_event_types() {
  static const std::vector<std::string_view> types =
      public_types_of(static_cast<const Event*>(nullptr));
  return types;
}

}  // namespace jangbu
