#include "api/answers/documents.hpp"
#include "api/answers/problem_types.hpp"
#include "api/requests/parameters.hpp"
#include "api/services/commands.hpp"
#include "api/services/queries.hpp"
#include "api/services/quotes.hpp"
#include "infra/ids.hpp"

namespace jangbu {

namespace purchase_routes {

using http::Exchange;
using http::Method;
using http::Request;
using openapi::Kind;

constexpr std::size_t max_reason = 500;

// `{"buyer": "홍길동"}` or `{"buyerId": "…"}`, likewise for a product.
template <class Ref>
Ref reference(Body& body, const std::string& field) {
  const std::string id_field = field + "Id";
  const bool by_id = body.has(id_field);
  if (by_id == body.has(field))
    invalid(body.path() + field, by_id
                                     ? "is given both by name and by id: give one of them"
                                     : "is missing: give its name here, or its id as " + id_field);
  if (by_id) return body.id<std::variant_alternative_t<0, Ref>>(id_field);
  return body.name(field);
}

// Who buys. A buyer need not say it: it can only be itself.
AccountRef read_buyer(Body& body, const Principal& asker) {
  if (!asker.acts_for_all() && !body.has("buyer") && !body.has("buyerId")) return asker.id;
  return reference<AccountRef>(body, "buyer");
}

RequestedLine read_line(Body& body) {
  return {reference<ProductRef>(body, "product"), body.integer("quantity", 1, max_quantity)};
}

// Several lines under `lines`, or a single one directly in the body.
std::vector<RequestedLine> read_lines(Body& body) {
  std::vector<RequestedLine> lines;
  if (!body.has("lines")) {
    lines.push_back(read_line(body));
    return lines;
  }
  for (Body& line : body.objects("lines", 1, max_lines)) {
    lines.push_back(read_line(line));
    line.no_more();
  }
  return lines;
}

void request_quote(const Call& call) {
  Body body = json_body(call.request);
  RequestQuote command{read_buyer(body, *call.asker()), read_lines(body)};
  body.no_more();
  ask_for_quote(call, std::move(command));
}

void confirm_quote(const Call& call, Body& body) {
  const std::string token = body.token("quoteId");
  body.no_more();
  auto quote =
      call.backend.commands->quotes.read(token, new_id<PurchaseId>(), *call.asker(), system_now());
  if (!quote) throw quote_unknown();
  execute(call, std::move(*quote), purchase_resource, true);
}

void purchase(const Call& call) {
  Body body = json_body(call.request);
  if (body.has("quoteId")) return confirm_quote(call, body);
  BuyNow command{.purchase = new_id<PurchaseId>(),
                 .buyer = read_buyer(body, *call.asker()),
                 .lines = read_lines(body),
                 .expected_total = {},
                 .at = system_now()};
  if (body.has("expectedTotal")) command.expected_total = body.money("expectedTotal");
  body.no_more();
  execute(call, std::move(command), purchase_resource, true);
}

void list(const Call& call) {
  PurchaseFilter filter;
  if (const auto status = call.request.query_value("status")) {
    filter.status = parse_purchase_status(*status);
    if (!filter.status)
      invalid("status", "must be one of completed, cancelled, returned, received");
  }
  with_buyer(call,
             [backend = call.backend, exchange = call.exchange, filter, at = read_at(call.request),
              from = page_from<PurchaseId>(call.request)](std::optional<AccountId> buyer) mutable {
               filter.buyer = buyer;
               answer_page(backend, at, exchange, list_purchases(filter, from));
             });
}

void get(const Call& call) {
  const auto id = path_id<PurchaseId>(call.request, problems::purchase_not_found);
  if (const auto then = as_of(call.request))
    return answer_as_of(call, *then, {EntityKind::purchase, id_cast<EntityId>(id)},
                        purchase_resource);
  answer_one(call, purchase_by_id(id), problems::purchase_not_found, to_string(id));
}

void cancel(const Call& call) {
  CancelPurchase command{
      path_id<PurchaseId>(call.request, problems::purchase_not_found), {}, system_now()};
  if (!call.request.body.empty()) {
    Body body = json_body(call.request);
    command.reason = body.optional_text("reason", max_reason, TextKind::prose);
    body.no_more();
  }
  execute(call, std::move(command), purchase_resource);
}

void history(const Call& call) {
  const auto id = path_id<EntityId>(call.request, problems::purchase_not_found);
  answer_history(call, {EntityKind::purchase, id}, problems::purchase_not_found);
}

const Endpoint endpoints[] = {
    {request_quote,
     {.method = Method::post,
      .path = "/quotes",
      .id = "requestQuote",
      .summary = "Ask what a purchase would cost",
      .description = "The address comes from the account, the prices from the products. "
                     "Nothing is stored: the quote is a signed token, good for 15 minutes "
                     "and for one purchase.",
      .kind = Kind::quote,
      .takes = "QuoteRequest",
      .gives = "Quote",
      .problems = {problems::account_not_found, problems::product_not_found,
                   problems::account_closed, problems::product_withdrawn,
                   problems::mixed_currencies, problems::total_too_large}}},
    {purchase,
     {.method = Method::post,
      .path = "/purchases",
      .id = "purchase",
      .summary = "Confirm a quote, or buy at once",
      .description = "Confirming a quote again returns the same purchase.",
      .kind = Kind::create,
      .takes = "PurchaseRequest",
      .gives = "Purchase",
      .problems = {problems::account_not_found, problems::product_not_found,
                   problems::account_closed, problems::product_withdrawn,
                   problems::insufficient_stock, problems::price_changed, problems::address_changed,
                   problems::quote_expired, problems::mixed_currencies, problems::total_too_large,
                   problems::quote_invalid}}},
    {list,
     {.method = Method::get,
      .path = "/purchases",
      .id = "listPurchases",
      .summary = "List purchases",
      .description =
          "To a buyer, those of the account that it has; `buyerId` names one that it had.",
      .kind = Kind::page,
      .gives = "Purchase",
      .parameters = {"buyer", "buyerId", "purchaseStatus", "after"},
      .problems = {problems::account_not_found}}},
    {get,
     {.method = Method::get,
      .path = "/purchases/{id}",
      .id = "getPurchase",
      .summary = "Get a purchase",
      .kind = Kind::one,
      .gives = "Purchase",
      .parameters = {"asOf"},
      .problems = {problems::purchase_not_found}}},
    {cancel,
     {.method = Method::post,
      .path = "/purchases/{id}/cancellation",
      .id = "cancelPurchase",
      .summary = "Cancel a purchase before it is picked up",
      .description = "Its items return to stock.",
      .kind = Kind::command,
      .takes = "Cancellation",
      .body_is_optional = true,
      .gives = "Purchase",
      .example = "cancelled",
      .problems = {problems::purchase_not_found, problems::already_shipped,
                   problems::purchase_closed, problems::read_model_behind,
                   problems::read_model_unavailable, problems::entity_parked}}},
    {history,
     {.method = Method::get,
      .path = "/purchases/{id}/history",
      .id = "getPurchaseHistory",
      .summary = "List a purchase's events, oldest first",
      .description = "Includes those of its delivery.",
      .kind = Kind::page,
      .gives = "PurchaseEvent",
      .parameters = {"afterEvent"},
      .problems = {problems::purchase_not_found}}}};

}  // namespace purchase_routes

const Service purchase_service{
    .name = "purchase",
    .title = "Jangbu purchases",
    .description =
        "Ask for a quote and confirm it, or buy at once. Buyers and products are given "
        "by name or by id.",
    .endpoints = purchase_routes::endpoints};

}  // namespace jangbu
