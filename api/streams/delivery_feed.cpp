#include "api/streams/delivery_feed.hpp"

#include <optional>
#include <utility>

#include "api/answers/problem_types.hpp"
#include "api/answers/represent.hpp"

namespace jangbu {

namespace {

struct StatusChange {
  DeliveryStatus status;
  std::optional<DeliveryStatus> previous;
  Timestamp at;
  const Scan* scan = nullptr;
};

// Lists every event type, including those that change no delivery's status.
struct ChangeIn {
  using Change = std::optional<StatusChange>;

  Change operator()(const PurchaseCompleted& event) const {
    return StatusChange{DeliveryStatus::preparing, {}, event.purchased_at};
  }
  Change operator()(const PurchaseCancelled& event) const {
    return StatusChange{DeliveryStatus::cancelled, {}, event.cancelled_at};
  }
  Change operator()(const DeliveryScanned& event) const {
    // Version 1 does not record the previous status. A scan that changed nothing then shows as one
    // whose own status differs from the delivery's.
    const bool changed =
        event.previous ? *event.previous != event.status : event.scan.status == event.status;
    if (!changed) return std::nullopt;
    return StatusChange{event.status, event.previous, event.scan.occurred_at, &event.scan};
  }
  Change operator()(const ReceiptConfirmed& event) const {
    return StatusChange{DeliveryStatus::receipt_confirmed, DeliveryStatus::delivered,
                        event.confirmed_at};
  }
  template <OneOf<AccountFacts, ProductFacts, NothingChanged> Fact>
  Change operator()(const Fact&) const {
    return {};
  }
};

std::optional<Json> data_of(EventId, const RecordedEvent& recorded, const std::optional<Author>&) {
  const auto change = std::visit(ChangeIn{}, recorded.event);
  if (!change) return std::nullopt;
  Json data{{"deliveryId", to_string(entity_of(recorded.event).id)},
            {"status", to_string(change->status)}};
  if (change->previous) data.add("previousStatus", to_string(*change->previous));
  data.add("occurredAt", to_string(change->at));
  if (change->scan) data.add("scan", to_json(*change->scan));
  return data;
}

}  // namespace

streams::Subject delivery_changes(streams::History history) {
  return {.name = "deliveries",
          .event_name = std::string(delivery_event),
          .data = data_of,
          .history = std::move(history),
          .not_found = problems::delivery_not_found};
}

}  // namespace jangbu
