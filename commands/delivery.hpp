// Commands to the delivery of a purchase: what the carrier scans, and the buyer's receipt.
#pragma once

#include "commands/decision.hpp"

namespace jangbu {

// REQUIRES: a status that carriers report, see is_carrier_status().
struct RecordScan {
  PurchaseId purchase;
  Scan scan;
};

struct ConfirmReceipt {
  PurchaseId purchase;
  Timestamp at;
};

// `preparing`, `cancelled` and `receipt-confirmed` are not a carrier's to say.
bool is_carrier_status(DeliveryStatus status);

Decision decide(const Shop& shop, const RecordScan& command);
Decision decide(const Shop& shop, const ConfirmReceipt& command);

}  // namespace jangbu
