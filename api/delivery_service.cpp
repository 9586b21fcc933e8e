#include "api/backend.hpp"
#include "infra/ids.hpp"

namespace jangbu {

namespace {

using http::Exchange;
using http::Method;
using http::Request;

constexpr std::string_view carrier_statuses =
    "label-created, picked-up, in-transit, out-for-delivery, attempt-failed, "
    "available-for-pickup, exception, delivered, returned-to-sender";

void list(const Backend& backend, const Request& request, const Exchange& exchange) {
  DeliveryFilter filter;
  if (const auto status = request.query_value("status")) {
    filter.status = parse_delivery_status(*status);
    if (!filter.status) invalid("status", "is not a status of deliveries");
  }
  if (const auto include = request.query_value("include")) {
    if (*include != "closed") invalid("include", "can only be closed");
    filter.include_closed = true;
  }
  with_buyer(backend, request, exchange,
             [backend, exchange, filter, at = read_at(request),
              from = page_from<PurchaseId>(request)](std::optional<AccountId> buyer) mutable {
               filter.buyer = buyer;
               answer_page(backend, at, exchange, list_deliveries(filter, from));
             });
}

void get(const Backend& backend, const Request& request, const Exchange& exchange) {
  const auto id = path_id<PurchaseId>(request, problems::delivery_not_found);
  answer_one(backend, read_at(request), exchange, delivery_by_id(id), problems::delivery_not_found,
             to_string(id));
}

void scan(const Backend& backend, const Request& request, const Exchange& exchange) {
  RecordScan command{path_id<PurchaseId>(request, problems::delivery_not_found), {}};
  Body body = json_body(request);
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
  body.no_more();
  execute(backend, request, exchange, std::move(command), delivery_resource);
}

void confirm_receipt(const Backend& backend, const Request& request, const Exchange& exchange) {
  const auto id = path_id<PurchaseId>(request, problems::delivery_not_found);
  if (!request.body.empty()) json_body(request).no_more();
  execute(backend, request, exchange, ConfirmReceipt{id, system_now()}, delivery_resource);
}

void history(const Backend& backend, const Request& request, const Exchange& exchange) {
  const auto id = path_id<EntityId>(request, problems::delivery_not_found);
  answer_history(backend, request, exchange, {EntityKind::purchase, id},
                 problems::delivery_not_found);
}

}  // namespace

http::Router delivery_service(const Backend& backend) {
  return to_router("delivery", backend,
                   {{Method::get, "/deliveries", "listDeliveries", list},
                    {Method::get, "/deliveries/{id}", "getDelivery", get},
                    {Method::post, "/deliveries/{id}/scans", "recordScan", scan},
                    {Method::post, "/deliveries/{id}/receipt", "confirmReceipt", confirm_receipt},
                    {Method::get, "/deliveries/{id}/history", "getDeliveryHistory", history}});
}

}  // namespace jangbu
