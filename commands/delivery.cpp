#include "commands/delivery.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

namespace jangbu {

namespace {

// preparing < label-created < picked-up < on the way (in any order) < ended.
int rank(DeliveryStatus status) {
  switch (status) {
    case DeliveryStatus::preparing:
      return 0;
    case DeliveryStatus::label_created:
      return 1;
    case DeliveryStatus::picked_up:
      return 2;
    case DeliveryStatus::in_transit:
    case DeliveryStatus::out_for_delivery:
    case DeliveryStatus::attempt_failed:
    case DeliveryStatus::available_for_pickup:
    case DeliveryStatus::exception:
      return 3;
    case DeliveryStatus::delivered:
    case DeliveryStatus::returned_to_sender:
    case DeliveryStatus::cancelled:
    case DeliveryStatus::receipt_confirmed:
      return 4;
  }
  return 0;
}

// What the recorded scans say about a new one.
struct Looked {
  bool is_known = false;
  std::uint64_t scans = 0;
  std::optional<Timestamp> last_of_rank;  // when the latest scan of the same rank occurred
};

Looked look_for(RowInput scans, const Scan& scan) {
  Looked looked;
  looked.scans = for_each_scan(scans, [&](const ScanInRow& earlier) {
    looked.is_known = looked.is_known || earlier == scan;
    if (rank(earlier.status) == rank(scan.status))
      looked.last_of_rank = std::max(looked.last_of_rank, std::optional(earlier.occurred_at));
    return true;
  });
  return looked;
}

// Carriers' clocks and people differ, and their scans arrive late and out of order. A scan that
// ranks above the current status is news, whatever time it gives; one that ranks below it, or equal
// but before the latest of that rank, is history.
bool is_news(DeliveryStatus status, const Scan& scan, const Looked& looked) {
  if (rank(scan.status) != rank(status)) return rank(scan.status) > rank(status);
  return !looked.last_of_rank || *looked.last_of_rank <= scan.occurred_at;
}

}  // namespace

bool is_carrier_status(DeliveryStatus status) {
  return status > DeliveryStatus::preparing && status < DeliveryStatus::cancelled;
}

Decision decide(const Shop& shop, const RecordScan& command) {
  const auto begun = shop.purchases.begin<PurchaseHead>(command.purchase);
  if (!begun) return refusal::NoOpenPurchase{command.purchase};
  const PurchaseHead& delivery = begun->head;
  const Scan& scan = command.scan;
  if (delivery.status == DeliveryStatus::delivered &&
      scan.status == DeliveryStatus::returned_to_sender)
    return refusal::IllegalStatusChange{command.purchase, delivery.status, scan.status};
  const Looked looked = look_for(begun->rest, scan);
  // A former build, which went by the time that a scan gives, passed over some scans that rank
  // above the status: such a known scan is accepted when it is sent again.
  if (looked.is_known && rank(scan.status) <= rank(delivery.status))
    return Unchanged{std::make_shared<const PurchaseView>(*shop.purchases.find(command.purchase))};
  if (looked.scans >= max_scans) return refusal::TooManyScans{command.purchase};
  return DeliveryScanned{
      .purchase = command.purchase,
      .buyer = delivery.buyer,
      .scan = scan,
      .status = is_news(delivery.status, scan, looked) ? scan.status : delivery.status,
      .previous = delivery.status};
}

Decision decide(const Shop& shop, const ConfirmReceipt& command) {
  const auto begun = shop.purchases.begin<PurchaseHead>(command.purchase);
  if (!begun) return refusal::NoOpenPurchase{command.purchase};
  if (begun->head.status != DeliveryStatus::delivered)
    return refusal::NotDelivered{command.purchase, begun->head.status};
  return ReceiptConfirmed{
      .purchase = command.purchase, .buyer = begun->head.buyer, .confirmed_at = command.at};
}

Decision decide(const Shop&, const LeaveClosed& command) {
  return Repeated{command.version, command.purchase};
}

}  // namespace jangbu
