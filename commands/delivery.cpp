#include "commands/delivery.hpp"

#include <algorithm>

namespace jangbu {

namespace {

// preparing < label-created < picked-up < on the way, in any order < at an end.
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

// Carriers deliver their scans late and out of order: such a scan is history, not news.
bool is_news(const PurchaseView& delivery, const Scan& scan) {
  return rank(scan.status) >= rank(delivery.status) &&
         std::ranges::none_of(delivery.scans, [&](const Scan& earlier) {
           return earlier.occurred_at > scan.occurred_at;
         });
}

}  // namespace

bool is_carrier_status(DeliveryStatus status) {
  return status > DeliveryStatus::preparing && status < DeliveryStatus::cancelled;
}

Decision decide(const Shop& shop, const RecordScan& command) {
  auto found = shop.purchases.find(command.purchase);
  if (!found) return refusal::NoOpenPurchase{command.purchase};
  const PurchaseView& delivery = *found;
  const Scan& scan = command.scan;
  if (std::ranges::find(delivery.scans, scan) != delivery.scans.end())
    return Unchanged{std::make_shared<const PurchaseView>(*std::move(found))};
  if (delivery.status == DeliveryStatus::delivered &&
      scan.status == DeliveryStatus::returned_to_sender)
    return refusal::IllegalStatusChange{command.purchase, delivery.status, scan.status};
  if (delivery.scans.size() >= max_scans) return refusal::TooManyScans{command.purchase};
  return DeliveryScanned{.purchase = command.purchase,
                         .buyer = delivery.purchase.buyer,
                         .scan = scan,
                         .status = is_news(delivery, scan) ? scan.status : delivery.status,
                         .previous = delivery.status};
}

Decision decide(const Shop& shop, const ConfirmReceipt& command) {
  const auto delivery = shop.purchases.find(command.purchase);
  if (!delivery) return refusal::NoOpenPurchase{command.purchase};
  if (delivery->status != DeliveryStatus::delivered)
    return refusal::NotDelivered{command.purchase, delivery->status};
  return ReceiptConfirmed{
      .purchase = command.purchase, .buyer = delivery->purchase.buyer, .confirmed_at = command.at};
}

}  // namespace jangbu
