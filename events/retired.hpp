// Versions of events that are no longer written. What was stored stays readable: each is upcast to
// the version after it (README.md, "To change what an event carries").
#pragma once

#include <utility>

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

}  // namespace jangbu
