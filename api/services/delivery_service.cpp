#include <chrono>

#include "api/answers/documents.hpp"
#include "api/answers/problem_types.hpp"
#include "api/requests/parameters.hpp"
#include "api/services/commands.hpp"
#include "api/services/queries.hpp"
#include "api/streams/delivery_feed.hpp"
#include "api/streams/event_feed.hpp"
#include "commands/writer.hpp"
#include "infra/ids.hpp"

namespace jangbu {

namespace delivery_routes {

using http::Exchange;
using http::Method;
using http::Request;
using openapi::Kind;

constexpr std::string_view carrier_statuses =
    "label-created, picked-up, in-transit, out-for-delivery, attempt-failed, "
    "available-for-pickup, exception, delivered, returned-to-sender";

// A scan from the future would outrank all that come until then. People set scanners' clocks and
// time zones.
constexpr std::int64_t clocks_apart_ms = 24 * 60 * 60 * 1'000;

constexpr std::string_view stream_description =
    "Server-sent events: one of type `delivery-status` for every change, with the event's id. The "
    "stream begins now, or after Last-Event-ID, which browsers send by themselves when they "
    "reconnect: nothing is missed or repeated. Event-Position and the first `id:` say where it "
    "begins. While the event log or a read model is down, the stream is silent until it can "
    "continue; it then sends what came after the request, and perhaps what came shortly before. "
    "After 15 s of silence a comment is sent. A client that does not read is cut off. When there "
    "are too many streams, a new one ends at once; reconnect after the time its `retry:` gives.";

void list(const Call& call) {
  DeliveryFilter filter;
  if (const auto status = call.request.query_value("status")) {
    filter.status = parse_delivery_status(*status);
    if (!filter.status) invalid("status", "is not a delivery status");
  }
  if (const auto include = call.request.query_value("include")) {
    if (*include != "closed") invalid("include", "can only be closed");
    filter.include_closed = true;
  }
  const ReadAt at = read_at(call.request);
  const auto from = page_from<PurchaseId>(call.request);
  const bool names_buyer = call.request.query_value("buyer") || call.request.query_value("buyerId");
  if (const Sight sight = sight_without_accounts(*call.asker());
      !sight.all && !sight.carrier.empty() && !names_buyer) {
    filter.carrier = sight.carrier;
    return answer_page(call.backend, at, call.exchange, list_deliveries(filter, from));
  }
  with_buyer(call, [backend = call.backend, exchange = call.exchange, filter, at,
                    from](std::optional<AccountId> buyer) mutable {
    filter.buyer = buyer;
    answer_page(backend, at, exchange, list_deliveries(filter, from));
  });
}

void get(const Call& call) {
  const auto id = path_id<PurchaseId>(call.request, problems::delivery_not_found);
  if (const auto then = as_of(call.request))
    return answer_as_of(call, *then, {EntityKind::purchase, id_cast<EntityId>(id)},
                        delivery_resource);
  answer_one(call, delivery_by_id(id), problems::delivery_not_found, to_string(id));
}

void scan(const Call& call) {
  RecordScan command{path_id<PurchaseId>(call.request, problems::delivery_not_found), {}};
  Body body = json_body(call.request);
  command.scan.carrier = body.text("carrier", 1, 100);
  command.scan.tracking_number = body.text("trackingNumber", 1, 100);
  const auto status = body.choice("status", parse_delivery_status, carrier_statuses);
  if (!status) invalid("status", "is missing");
  if (!is_carrier_status(*status))
    invalid("status", "must be one of " + std::string(carrier_statuses));
  command.scan.status = *status;
  command.scan.location = body.optional_text("location", 200);
  command.scan.code = body.optional_text("code", 100);
  command.scan.occurred_at = body.time("occurredAt");
  if (command.scan.occurred_at.ms > system_now().ms + clocks_apart_ms)
    invalid("occurredAt", "is more than a day ahead of the shop's clock");
  body.no_more();
  execute(call, std::move(command), delivery_resource);
}

void confirm_receipt(const Call& call) {
  const auto id = path_id<PurchaseId>(call.request, problems::delivery_not_found);
  if (!call.request.body.empty()) json_body(call.request).no_more();
  execute(call, ConfirmReceipt{id, system_now()}, delivery_resource);
}

// A buyer's stream is about the accounts that it has when the stream begins.
void stream_all(const Call& call) {
  const Writer* const writer = call.backend.writer();
  const ReadAt now{.min_position = writer ? writer->status().position : Position{},
                   .wait = std::chrono::milliseconds(max_wait_ms)};
  with_sight(call, now,
             [&feed = call.backend.delivery_feed, exchange = call.exchange, asker = call.asker(),
              held = call.held(), after = last_event_id(call.request)](const Sight& sight) {
               if (!sight.all && sight.accounts.empty()) return exchange.respond(no_own_account());
               streams::Interest interest;
               if (!sight.all) interest.buyers = sight.accounts;
               feed.subscribe(exchange, std::move(interest), after, *asker, held);
             });
}

void stream_one(const Call& call) {
  const auto id = path_id<EntityId>(call.request, problems::delivery_not_found);
  if_seen(call, read_at(call.request), {EntityKind::purchase, id}, problems::delivery_not_found,
          [&feed = call.backend.delivery_feed, exchange = call.exchange, asker = call.asker(),
           held = call.held(), id, after = last_event_id(call.request)](const Sight&) {
            feed.subscribe(exchange, {.entity = id}, after, *asker, held);
          });
}

void history(const Call& call) {
  const auto id = path_id<EntityId>(call.request, problems::delivery_not_found);
  answer_history(call, {EntityKind::purchase, id}, problems::delivery_not_found);
}

const Endpoint endpoints[] = {
    {list,
     {.method = Method::get,
      .path = "/deliveries",
      .id = "listDeliveries",
      .summary = "List the open deliveries",
      .description =
          "Each with its last scan and the number of scans. With a `status` that closes "
          "a delivery, the closed ones. With an open one, and for a carrier, a page is looked for "
          "among the newest 1,000 deliveries: it may have few or none, and a `next` that "
          "leads on. To a buyer, those of the account that it has; `buyerId` names one that it "
          "had. To a carrier, those whose first scan names its code.",
      .kind = Kind::page,
      .gives = "DeliverySummary",
      .parameters = {"buyer", "buyerId", "deliveryStatus", "include", "after"},
      .problems = {problems::account_not_found}}},
    {get,
     {.method = Method::get,
      .path = "/deliveries/{id}",
      .id = "getDelivery",
      .summary = "Get a delivery",
      .kind = Kind::one,
      .gives = "Delivery",
      .parameters = {"asOf"},
      .problems = {problems::delivery_not_found}}},
    {scan,
     {.method = Method::post,
      .path = "/deliveries/{id}/scans",
      .id = "recordScan",
      .summary = "Record what a carrier reports",
      .description =
          "Repeating a scan changes nothing. Order: preparing < label-created < picked-up "
          "< in-transit, out-for-delivery, attempt-failed, available-for-pickup, exception "
          "< delivered, returned-to-sender. Stages may be skipped. A scan of higher rank changes "
          "the status whatever its time; one of lower rank, or of the same rank but older than the "
          "last one of that rank, only enters the history. A delivery can have at most 200 scans. "
          "A time more than a day ahead of the shop's clock is refused: every later scan of that "
          "rank would look older.",
      .kind = Kind::command,
      .takes = "NewScan",
      .gives = "Delivery",
      .problems = {problems::delivery_not_found, problems::illegal_status_change,
                   problems::too_many_scans, problems::purchase_closed, problems::read_model_behind,
                   problems::read_model_unavailable, problems::entity_parked}}},
    {confirm_receipt,
     {.method = Method::post,
      .path = "/deliveries/{id}/receipt",
      .id = "confirmReceipt",
      .summary = "Confirm that a delivery has been received",
      .description = "It leaves the list of open deliveries; its history stays.",
      .kind = Kind::command,
      .takes = "NoFields",
      .body_is_optional = true,
      .gives = "Delivery",
      .example = "received",
      .problems = {problems::delivery_not_found, problems::not_delivered, problems::purchase_closed,
                   problems::read_model_behind, problems::read_model_unavailable,
                   problems::entity_parked}}},
    {stream_all,
     {.method = Method::get,
      .path = "/deliveries/events",
      .id = "streamDeliveries",
      .summary = "Follow the status of all deliveries",
      .description = stream_description,
      .kind = Kind::stream,
      .gives = "DeliveryChange",
      .event = delivery_event,
      .problems = {problems::account_not_found}}},
    {stream_one,
     {.method = Method::get,
      .path = "/deliveries/{id}/events",
      .id = "streamDelivery",
      .summary = "Follow the status of a delivery",
      .description = stream_description,
      .kind = Kind::stream,
      .gives = "DeliveryChange",
      .event = delivery_event,
      .problems = {problems::delivery_not_found}}},
    {history,
     {.method = Method::get,
      .path = "/deliveries/{id}/history",
      .id = "getDeliveryHistory",
      .summary = "List a delivery's events, oldest first",
      .description = "Includes those of its purchase.",
      .kind = Kind::page,
      .gives = "PurchaseEvent",
      .parameters = {"afterEvent"},
      .problems = {problems::delivery_not_found}}}};

}  // namespace delivery_routes

const Service delivery_service{
    .name = "delivery",
    .title = "Jangbu deliveries",
    .description =
        "Every purchase has a delivery with the same id. Carriers report on it, and the "
        "buyer confirms its receipt.",
    .endpoints = delivery_routes::endpoints};

}  // namespace jangbu
