// What other teams may know of the shop: its public events. They are a contract of their own,
// spelled out by the schemas in schemas/ (README.md), so that neither the log's bytes nor our own
// JSON bind us to strangers. Everything that is not named here is private: people's names, e-mails
// and addresses, reasons, places and numbers of parcels, who asked, and with which request.
//
// Threads: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/commit.hpp"

namespace jangbu {

// How a shop's events look to other teams.
struct PublicView {
  std::string shop;
  bool recipients = false;  // PurchaseCompleted tells to whom and where the goods are sent
};

struct PublicEvent {
  std::string subject;      // where it is in the public stream: see public_subject()
  std::string cloud_event;  // CloudEvents 1.0 in JSON (https://github.com/cloudevents/spec)
};

// Where events of a type are in the public stream: `jangbu.<shop>.<kind>.<Type>`.
std::string public_subject(std::string_view shop, EntityKind kind, std::string_view type);

// Nothing when the event's type is private.
std::optional<PublicEvent> to_public(const PublicView& view, EventId id,
                                     const RecordedEvent& recorded);

// The types of events that are public.
const std::vector<std::string_view>& public_event_types();

}  // namespace jangbu
