// The read model `purchases`: one row per purchase.
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

// `completed` until one of the others applies; those are final.
enum class PurchaseStatus : std::uint8_t { completed, cancelled, returned, received };

std::string_view to_string(PurchaseStatus status);  // "completed"
std::optional<PurchaseStatus> parse_purchase_status(std::string_view text);

struct PurchaseRow {
  PurchaseId id;
  AccountId buyer;
  Recipient recipient;
  std::vector<PurchaseLine> lines;
  Money total;
  PurchaseStatus status = PurchaseStatus::completed;
  Timestamp purchased_at;
  std::optional<Timestamp> cancelled_at;
  // The event that set the status: scans on the way do not change a purchase.
  EventId version;

  friend bool operator==(const PurchaseRow&, const PurchaseRow&) = default;
};

extern const ReadModel purchases_model;

struct PurchaseFilter {
  std::optional<AccountId> buyer = std::nullopt;
  std::optional<PurchaseStatus> status = std::nullopt;
};

Query<std::optional<PurchaseRow>> purchase_by_id(const PurchaseId& id);
// Newest first.
Query<Page<PurchaseRow>> list_purchases(const PurchaseFilter& filter, const From<PurchaseId>& from);

}  // namespace jangbu
