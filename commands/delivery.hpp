// Commands on the delivery of a purchase: the carrier's scans and the buyer's receipt.
#pragma once

#include <cstddef>

#include "commands/decision.hpp"

namespace jangbu {

// Each scan is decided against all earlier ones, and its answer lists them, so their number must be
// bounded. A parcel that goes round the world has a few dozen. (Former builds took up to 1,000;
// those scans stay.)
inline constexpr std::size_t max_scans = 200;

// REQUIRES: the scan has a status that carriers report, see is_carrier_status().
struct RecordScan {
  PurchaseId purchase;
  Scan scan;
};

struct ConfirmReceipt {
  PurchaseId purchase;
  Timestamp at;
};

// What RecordScan and ConfirmReceipt become when the delivery is closed, and so not in memory, and
// the read model shows it already as they ask, as of the event `version`.
struct LeaveClosed {
  PurchaseId purchase;
  EventId version;
};

// False for `preparing`, `cancelled` and `receipt-confirmed`, which carriers do not report.
bool is_carrier_status(DeliveryStatus status);

Decision decide(const Shop& shop, const RecordScan& command);
Decision decide(const Shop& shop, const ConfirmReceipt& command);
Decision decide(const Shop& shop, const LeaveClosed& command);

}  // namespace jangbu
