// Event versions that are no longer written. Stored events stay readable: each version is upcast to
// the next one (README.md, "To change what an event carries").
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "events/events.hpp"

namespace jangbu {

// Did not record the status before the scan.
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

// Recorded only whether there was a quote; a quoted purchase had the id of its quote.
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
