// How the shop's entities look in JSON: the rows of the tables as documents. What a command's
// answer shows is built from the same rows or by the same functions, so that an entity looks the
// same everywhere.
//
// Threads: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "commands/decision.hpp"
#include "events/commit.hpp"
#include "events/events.hpp"
#include "infra/json.hpp"
#include "projections/tables/accounts.hpp"
#include "projections/tables/deliveries.hpp"
#include "projections/tables/history.hpp"
#include "projections/tables/products.hpp"
#include "projections/tables/purchases.hpp"
#include "projections/views/shop.hpp"

namespace jangbu {

AccountRow to_row(const AccountView& view);
ProductRow to_row(const ProductView& view);
DeliveryRow to_delivery_row(const PurchaseView& view);

// The content of the ETag of a single resource: its version and, for a product, also its stock,
// which purchases change without a new version.
std::string tag_of(const ProductRow& product);
template <class Row>
std::string tag_of(const Row& row) {
  return to_string(row.version);
}

Json to_json(const Money& money);
Json to_json(const Address& address);
Json to_json(const Scan& scan);
Json to_json(const AccountRow& account);
Json to_json(const ProductRow& product);
// A product as it was earlier, without the stock: a product's own events do not record its
// purchases.
Json past_to_json(const ProductRow& product);
Json to_json(const PurchaseRow& row);
Json purchase_to_json(const PurchaseView& view);
Json to_json(const DeliveryRow& delivery);
Json to_json(const DeliverySummary& delivery);
Json to_json(const Offer& offer, const std::string& quote_id, Timestamp expires_at);
// An event with its metadata, as a history shows it.
Json to_json(const HistoryRow& event);
// The event's own content.
Json event_data(const Event& event);
// An event with its metadata, in the JSON format of CloudEvents 1.0
// (https://github.com/cloudevents/spec).
// The author of its commit is an extension attribute, if it is known.
Json to_cloud_event(std::string_view source, EventId id, const RecordedEvent& recorded,
                    const std::optional<Author>& author);
// The `source` of a shop's events, "/jangbu/shop". Two shops' events may have the same id; source
// and id together are unique.
std::string cloud_event_source(std::string_view shop);
// What an event is about: "purchase/0199f3b0-55aa-7d02-9c1f-8e7d6c5b4a39".
std::string cloud_event_subject(const Entity& entity);

}  // namespace jangbu
