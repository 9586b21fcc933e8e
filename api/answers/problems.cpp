#include "api/answers/problems.hpp"

#include <utility>
#include <vector>

#include "api/answers/problem_types.hpp"
#include "api/answers/represent.hpp"
#include "commands/delivery.hpp"

namespace jangbu {

namespace {

// A problem with fields of its own beside those of RFC 9457.
http::Response problem(const http::ProblemType& type, const std::string& detail,
                       const Json& fields) {
  auto response = http::problem(type, detail);
  Json body = Json::raw(std::move(response.body));
  body.add_all(fields);
  response.body = std::move(body).text();
  return response;
}

http::Response retry_later(http::Response response, const char* seconds = "1") {
  response.headers.emplace_back("Retry-After", seconds);
  return response;
}

// If-Match may name one version, many, or none that we know.
Json expected_and_actual(const std::vector<EventId>& expected, EventId actual) {
  Json fields{{"actual", to_string(actual)}};
  if (expected.size() == 1) fields.add("expected", to_string(expected.front()));
  if (expected.size() <= 1) return fields;
  Json all = Json::array();
  for (const EventId version : expected) all.push_back(to_string(version));
  fields.add("expected", all);
  return fields;
}

struct Responder {
  http::Response operator()(const refusal::AccountNotFound& no) const {
    return not_found(problems::account_not_found, no.account);
  }
  http::Response operator()(const refusal::AccountNameTaken& no) const {
    return problem(problems::account_name_taken,
                   "An open account has the name '" + no.name + "' already. Choose another.",
                   {{"field", "name"}, {"accountId", to_string(no.holder)}});
  }
  http::Response operator()(const refusal::AccountIsClosed& no) const {
    return problem(problems::account_closed, "This account was closed. Open a new one to go on.",
                   {{"accountId", to_string(no.account)}});
  }
  http::Response operator()(const refusal::ProductNotFound& no) const {
    return not_found(problems::product_not_found, no.product);
  }
  http::Response operator()(const refusal::ProductNameTaken& no) const {
    return problem(problems::product_name_taken,
                   "A listed product has the name '" + no.name + "' already. Choose another.",
                   {{"field", "name"}, {"productId", to_string(no.holder)}});
  }
  http::Response operator()(const refusal::ProductIsWithdrawn& no) const {
    return problem(problems::product_withdrawn, "This product was withdrawn and is no longer sold.",
                   {{"productId", to_string(no.product)}});
  }
  http::Response operator()(const refusal::InsufficientStock& no) const {
    return problem(problems::insufficient_stock,
                   "There are " + std::to_string(no.available) + " of '" + no.name +
                       "' left, and " + std::to_string(no.requested) + " were asked for.",
                   {{"productId", to_string(no.product)},
                    {"product", no.name},
                    {"requested", no.requested},
                    {"available", no.available}});
  }
  http::Response operator()(const refusal::StockTooLarge& no) const {
    return problem(problems::stock_too_large,
                   "The stock of a product can be at most " + std::to_string(max_stock) + ".",
                   {{"productId", to_string(no.product)}, {"maximum", max_stock}});
  }
  http::Response operator()(const refusal::PriceDiffers& no) const {
    Json fields{{"expected", to_json(no.expected)}, {"actual", to_json(no.actual)}};
    if (no.product) fields.add("productId", to_string(*no.product));
    return problem(problems::price_changed,
                   "The price is " + to_string(no.actual) + " now, and " + to_string(no.expected) +
                       " was expected. Ask for a new quote.",
                   fields);
  }
  http::Response operator()(const refusal::AddressDiffers& no) const {
    return problem(
        problems::address_changed,
        "The buyer's address is another one than in the quote. Ask for a new quote.",
        {{"expected", to_json(no.expected.address)}, {"actual", to_json(no.actual.address)}});
  }
  http::Response operator()(const refusal::MixedCurrencies& no) const {
    return problem(problems::mixed_currencies,
                   "All lines of a purchase must be in one currency. Buy them apart.",
                   {{"expected", to_string(no.first)}, {"actual", to_string(no.other)}});
  }
  http::Response operator()(const refusal::TotalTooLarge&) const {
    return problem(problems::total_too_large,
                   "The total of a purchase can be at most " + std::to_string(Money::max_amount) +
                       " minor units.",
                   {{"maximum", Money::max_amount}});
  }
  http::Response operator()(const refusal::QuoteExpired& no) const {
    return problem(problems::quote_expired,
                   "The quote was good until " + to_string(no.expired_at) + ". Ask for a new one.",
                   {{"expiredAt", to_string(no.expired_at)}});
  }
  http::Response operator()(const refusal::NoOpenPurchase& no) const {
    return not_found(problems::purchase_not_found, to_string(no.purchase));
  }
  http::Response operator()(const refusal::AlreadyShipped& no) const {
    return problem(
        problems::already_shipped,
        "The carrier has picked it up, so it can no longer be cancelled.",
        {{"purchaseId", to_string(no.purchase)}, {"deliveryStatus", to_string(no.status)}});
  }
  http::Response operator()(const refusal::IllegalStatusChange& no) const {
    return illegal_status_change(no.purchase, no.from, no.to);
  }
  http::Response operator()(const refusal::TooManyScans& no) const {
    return problem(problems::too_many_scans,
                   "A delivery can have at most " + std::to_string(max_scans) + " scans.",
                   {{"purchaseId", to_string(no.purchase)}, {"maximum", max_scans}});
  }
  http::Response operator()(const refusal::NotDelivered& no) const {
    return problem(
        problems::not_delivered,
        "Its receipt can be confirmed once a carrier has reported it delivered.",
        {{"purchaseId", to_string(no.purchase)}, {"deliveryStatus", to_string(no.status)}});
  }
  http::Response operator()(const refusal::VersionDiffers& no) const {
    return problem(problems::version_differs,
                   "It has changed since. Read it again, and decide anew.",
                   expected_and_actual(no.expected, no.actual));
  }
  http::Response operator()(const refusal::KeyReused&) const {
    return problem(problems::idempotency_key_reused,
                   "This Idempotency-Key came with another request before. Use a new one.",
                   Json::object());
  }
};

}  // namespace

http::Response to_response(const Refusal& refusal) {
  return std::visit(Responder{}, refusal);
}

http::Response to_response(NotDecided why) {
  switch (why) {
    case NotDecided::not_ready:
      return retry_later(http::problem(problems::not_ready,
                                       "Commands cannot be taken now; nothing was done. "
                                       "GET /health/ready of operations tells why."));
    case NotDecided::overloaded:
      return retry_later(http::problem(problems::overloaded,
                                       "There is more to do than can be done; nothing was done. "
                                       "Try again."));
    case NotDecided::key_in_flight:
      return http::problem(problems::idempotency_key_in_flight,
                           "A request with this Idempotency-Key is being carried out. "
                           "Try again for its answer.");
    case NotDecided::outcome_unknown:
      return retry_later(http::problem(problems::outcome_unknown,
                                       "The event log did not answer in time: it may have been "
                                       "done, or not. Repeat it with the same Idempotency-Key."));
    case NotDecided::keys_full:
      return retry_later(
          http::problem(problems::idempotency_keys_full,
                        "As many commands are remembered as there is room for, and nothing was "
                        "done, since this one could not be. Without an Idempotency-Key, and "
                        "without a quote, it would be taken."),
          "60");
  }
  return http::internal_error();
}

http::Response takes_no_commands() {
  return retry_later(http::problem(problems::not_ready,
                                   "This instance answers queries only (--no-writer); nothing was "
                                   "done. Send commands to the one that takes them."));
}

http::Response purchase_closed(PurchaseId purchase, DeliveryStatus status) {
  return problem(problems::purchase_closed, "This purchase is closed, and its delivery with it.",
                 {{"purchaseId", to_string(purchase)}, {"deliveryStatus", to_string(status)}});
}

http::Response illegal_status_change(PurchaseId purchase, DeliveryStatus from, DeliveryStatus to) {
  return problem(problems::illegal_status_change,
                 "A delivery that is '" + std::string(to_string(from)) + "' cannot become '" +
                     std::string(to_string(to)) + "'.",
                 {{"purchaseId", to_string(purchase)},
                  {"expected", to_string(from)},
                  {"actual", to_string(to)}});
}

http::Response not_found(const http::ProblemType& type, std::string_view which) {
  const std::string what(type.code.substr(0, type.code.find("-not-found")));
  return problem(type, "There is no " + what + " '" + std::string(which) + "'.", {{what, which}});
}

http::Response read_model_behind(Position reached, Position asked) {
  return retry_later(problem(problems::read_model_behind,
                             "The read model has not reached the position asked for yet.",
                             {{"expected", asked.value}, {"actual", reached.value}}));
}

http::Response read_model_away() {
  return retry_later(http::problem(problems::read_model_unavailable,
                                   "The database does not answer. Commands go on without it."));
}

http::Response entity_parked() {
  return retry_later(
      http::problem(problems::entity_parked,
                    "An event of it could not be written into the read model. What was "
                    "acknowledged is in the log; whoever runs this shop sees it with: jangbu "
                    "projections parked list"),
      "60");
}

http::Response log_away() {
  return retry_later(http::problem(problems::unavailable, "The event log does not answer."));
}

http::Response quote_unknown() {
  return problem(problems::quote_invalid,
                 "quoteId is not a quote of this shop. Ask for one with POST /quotes.",
                 {{"field", "quoteId"}});
}

http::Response unknown_parameter(const std::string& name, const std::vector<std::string>& known) {
  Json expected = Json::array();
  std::string list;
  for (const std::string& one : known) {
    expected.push_back(one);
    list += (list.empty() ? "" : ", ") + one;
  }
  return problem(problems::unknown_parameter,
                 "There is no parameter '" + name + "' here. " +
                     (known.empty() ? "There are none." : "There are: " + list + "."),
                 {{"field", name}, {"expected", expected}});
}

http::Response repeated_parameter(const std::string& name) {
  return problem(problems::invalid_field,
                 "The parameter '" + name + "' is given twice: give it once.", {{"field", name}});
}

http::Response not_happened_yet(EventId asked, Position last) {
  return problem(problems::invalid_field,
                 "The event " + to_string(asked) + " has not happened yet: the log ends at " +
                     std::to_string(last.value) + ".",
                 {{"field", "Last-Event-ID"}});
}

}  // namespace jangbu
