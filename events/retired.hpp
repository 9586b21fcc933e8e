// Versions of events that are no longer written. What was stored stays readable: each is upcast to
// the version after it (README.md, "To change what an event carries").
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "events/events.hpp"

namespace jangbu {

// Did not tell what the status was before the scan.
struct DeliveryScanned1 {
  static constexpr WireType wire{"DeliveryScanned", 1};
  PurchaseId purchase;
  AccountId buyer;
  Scan scan;
  DeliveryStatus status = DeliveryStatus::preparing;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(purchase, buyer, scan, status);
  }
  DeliveryScanned upcast() && {
    return {.purchase = purchase,
            .buyer = buyer,
            .scan = std::move(scan),
            .status = status,
            .previous = {}};
  }
};

// Had the id of its quote, if it had one.
struct PurchaseCompleted1 {
  static constexpr WireType wire{"PurchaseCompleted", 1};
  PurchaseId purchase;
  AccountId buyer;
  Recipient recipient;
  std::vector<PurchaseLine> lines;
  Money total;
  bool quoted = false;
  Timestamp purchased_at;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(purchase, buyer, recipient, lines, total, quoted, purchased_at);
  }
  PurchaseCompleted upcast() && {
    return {.purchase = purchase,
            .buyer = buyer,
            .recipient = std::move(recipient),
            .lines = std::move(lines),
            .total = total,
            .quote = quoted ? std::optional(id_cast<QuoteId>(purchase)) : std::nullopt,
            .purchased_at = purchased_at};
  }
};

using RetiredFacts = Facts<DeliveryScanned1, PurchaseCompleted1>;

}  // namespace jangbu
