// The read model `deliveries`: one row per delivery, under its purchase's id.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/events.hpp"
#include "events/values.hpp"
#include "projections/tables/read_model.hpp"

namespace jangbu {

struct DeliveryItem {
  ProductId product;
  std::string name;
  std::int64_t quantity = 0;

  friend bool operator==(const DeliveryItem&, const DeliveryItem&) = default;
};

struct DeliveryRow {
  PurchaseId id;
  AccountId buyer;
  Recipient recipient;
  std::vector<DeliveryItem> items;
  DeliveryStatus status = DeliveryStatus::preparing;
  std::vector<Scan> scans;  // in the order in which they arrived
  Timestamp opened_at;
  std::optional<Timestamp> closed_at;  // receipt confirmed, cancelled or returned to sender
  EventId version;

  // Whom its first scan named; empty until then.
  std::string_view carrier() const {
    return scans.empty() ? std::string_view() : std::string_view(scans.front().carrier);
  }

  friend bool operator==(const DeliveryRow&, const DeliveryRow&) = default;
};

// A delivery as lists show it: instead of all scans, which may be many, the last to arrive and
// their number.
struct DeliverySummary {
  PurchaseId id;
  AccountId buyer;
  Recipient recipient;
  std::vector<DeliveryItem> items;
  DeliveryStatus status = DeliveryStatus::preparing;
  std::int32_t scan_count = 0;
  std::optional<Scan> last_scan;
  Timestamp opened_at;
  std::optional<Timestamp> closed_at;
  EventId version;

  friend bool operator==(const DeliverySummary&, const DeliverySummary&) = default;
};

extern const ReadModel deliveries_model;

struct DeliveryFilter {
  bool include_closed = false;  // ignored if `status` is set, which decides it
  std::optional<AccountId> buyer = std::nullopt;
  std::optional<DeliveryStatus> status = std::nullopt;
  std::optional<std::string> carrier = std::nullopt;  // whom its first scan named
};

Query<std::optional<DeliveryRow>> delivery_by_id(const PurchaseId& id);
// Newest first. Deliveries of an open status, or of a carrier, are looked for among so many of
// those that the rest of the filter allows, for a page: about 5 ms in a table of three million,
// whose open ones are far apart (20,000 took 100).
inline constexpr int most_searched = 1'000;
Query<Page<DeliverySummary>> list_deliveries(const DeliveryFilter& filter,
                                             const From<PurchaseId>& from);

}  // namespace jangbu
