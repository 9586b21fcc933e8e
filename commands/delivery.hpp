// Commands to the delivery of a purchase: what the carrier scans, and the buyer's receipt.
#pragma once

#include <cstddef>

#include "commands/decision.hpp"

namespace jangbu {

// Each scan is decided on all that came before it, and its answer shows them: there must be an end
// to them. A parcel that goes round the world has some dozens. (Former builds took up to 1,000,
// which stay.)
inline constexpr std::size_t max_scans = 200;

// REQUIRES: a status that carriers report, see is_carrier_status().
struct RecordScan {
  PurchaseId purchase;
  Scan scan;
};

struct ConfirmReceipt {
  PurchaseId purchase;
  Timestamp at;
};

// What RecordScan and ConfirmReceipt come to where the delivery is closed, so not in memory, and
// the read model knows that it is as they want it, since the event `version`.
struct LeaveClosed {
  PurchaseId purchase;
  EventId version;
};

// `preparing`, `cancelled` and `receipt-confirmed` are not a carrier's to say.
bool is_carrier_status(DeliveryStatus status);

Decision decide(const Shop& shop, const RecordScan& command);
Decision decide(const Shop& shop, const ConfirmReceipt& command);
Decision decide(const Shop& shop, const LeaveClosed& command);

}  // namespace jangbu
