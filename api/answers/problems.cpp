#include "api/answers/problems.hpp"

#include <utility>
#include <vector>

#include "api/answers/problem_types.hpp"
#include "api/answers/represent.hpp"
#include "commands/delivery.hpp"

namespace jangbu {

namespace {

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

struct AsProblem {
  Problem operator()(const refusal::Forbidden& no) const { return {problems::forbidden, no.why}; }
  Problem operator()(const refusal::AccountNotFound& no) const {
    if (no.account.empty())
      return {problems::account_not_found, "No account of yours is open. Open one first."};
    return not_found(problems::account_not_found, no.account);
  }
  Problem operator()(const refusal::AccountNameTaken& no) const {
    Json fields{{"field", "name"}};
    if (no.holder) fields.add("accountId", to_string(*no.holder));
    return {problems::account_name_taken,
            "An open account is already called '" + no.name + "'. Choose another name.", fields};
  }
  Problem operator()(const refusal::AccountAlreadyOpen& no) const {
    return {problems::account_already_open,
            "You have an open account already. Close it before you open another.",
            {{"accountId", to_string(no.account)}}};
  }
  Problem operator()(const refusal::AccountIsClosed& no) const {
    return {problems::account_closed,
            "This account has been closed. Open a new one to continue.",
            {{"accountId", to_string(no.account)}}};
  }
  Problem operator()(const refusal::ProductNotFound& no) const {
    return not_found(problems::product_not_found, no.product);
  }
  Problem operator()(const refusal::ProductNameTaken& no) const {
    return {problems::product_name_taken,
            "A listed product is already called '" + no.name + "'. Choose another name.",
            {{"field", "name"}, {"productId", to_string(no.holder)}}};
  }
  Problem operator()(const refusal::ProductIsWithdrawn& no) const {
    return {problems::product_withdrawn,
            "This product has been withdrawn and is no longer sold.",
            {{"productId", to_string(no.product)}}};
  }
  Problem operator()(const refusal::InsufficientStock& no) const {
    return {problems::insufficient_stock,
            "'" + no.name + "' has " + std::to_string(no.available) +
                " left in stock; you asked for " + std::to_string(no.requested) + ".",
            {{"productId", to_string(no.product)},
             {"product", no.name},
             {"requested", no.requested},
             {"available", no.available}}};
  }
  Problem operator()(const refusal::StockTooLarge& no) const {
    return {problems::stock_too_large,
            "A product's stock can be at most " + std::to_string(max_stock) + ".",
            {{"productId", to_string(no.product)}, {"maximum", max_stock}}};
  }
  Problem operator()(const refusal::PriceDiffers& no) const {
    Json fields{{"expected", to_json(no.expected)}, {"actual", to_json(no.actual)}};
    if (no.product) fields.add("productId", to_string(*no.product));
    return {problems::price_changed,
            "The price is now " + to_string(no.actual) + ", not " + to_string(no.expected) +
                ". Ask for a new quote.",
            fields};
  }
  Problem operator()(const refusal::AddressDiffers& no) const {
    return {problems::address_changed,
            "The buyer's address has changed since the quote. Ask for a new one.",
            {{"expected", to_json(no.expected.address)}, {"actual", to_json(no.actual.address)}}};
  }
  Problem operator()(const refusal::MixedCurrencies& no) const {
    return {problems::mixed_currencies,
            "All lines of a purchase must be in one currency. Buy them separately.",
            {{"expected", to_string(no.first)}, {"actual", to_string(no.other)}}};
  }
  Problem operator()(const refusal::TotalTooLarge&) const {
    return {problems::total_too_large,
            "The total of a purchase can be at most " + std::to_string(Money::max_amount) +
                " minor units.",
            {{"maximum", Money::max_amount}}};
  }
  Problem operator()(const refusal::QuoteExpired& no) const {
    return {problems::quote_expired,
            "The quote expired at " + to_string(no.expired_at) + ". Ask for a new one.",
            {{"expiredAt", to_string(no.expired_at)}}};
  }
  Problem operator()(const refusal::NoOpenPurchase& no) const {
    return not_found(problems::purchase_not_found, to_string(no.purchase));
  }
  Problem operator()(const refusal::AlreadyShipped& no) const {
    return {problems::already_shipped,
            "The carrier has picked it up, so it can no longer be cancelled.",
            {{"purchaseId", to_string(no.purchase)}, {"deliveryStatus", to_string(no.status)}}};
  }
  Problem operator()(const refusal::IllegalStatusChange& no) const {
    return illegal_status_change(no.purchase, no.from, no.to);
  }
  Problem operator()(const refusal::TooManyScans& no) const {
    return {problems::too_many_scans,
            "A delivery can have at most " + std::to_string(max_scans) + " scans.",
            {{"purchaseId", to_string(no.purchase)}, {"maximum", max_scans}}};
  }
  Problem operator()(const refusal::NotDelivered& no) const {
    return {problems::not_delivered,
            "Its receipt can be confirmed only after a carrier has reported it delivered.",
            {{"purchaseId", to_string(no.purchase)}, {"deliveryStatus", to_string(no.status)}}};
  }
  Problem operator()(const refusal::VersionDiffers& no) const {
    return {problems::version_differs, "It has changed since you read it. Read it again and retry.",
            expected_and_actual(no.expected, no.actual)};
  }
  Problem operator()(const refusal::KeyReused&) const {
    return {problems::idempotency_key_reused,
            "This Idempotency-Key was already used with a different request. Use a new one."};
  }
};

}  // namespace

Problem problem_of(const Refusal& refusal) {
  return std::visit(AsProblem{}, refusal);
}

Problem problem_of(NotDecided why) {
  switch (why) {
    case NotDecided::not_ready:
      return {.type = problems::not_ready,
              .detail =
                  "Commands cannot be accepted right now; nothing was done. "
                  "GET /health/ready of operations says why.",
              .retry_after_s = 1};
    case NotDecided::overloaded:
      return {.type = problems::overloaded,
              .detail = "The shop is overloaded; nothing was done. Try again.",
              .retry_after_s = 1};
    case NotDecided::key_in_flight:
      return {problems::idempotency_key_in_flight,
              "A request with this Idempotency-Key is still in progress. "
              "Try again to get its answer."};
    case NotDecided::outcome_unknown:
      return {.type = problems::outcome_unknown,
              .detail =
                  "The event log did not answer in time, so it may or may not have "
                  "been done. Repeat it with the same Idempotency-Key.",
              .retry_after_s = 1};
    case NotDecided::keys_full:
      return {.type = problems::idempotency_keys_full,
              .detail =
                  "There is no room to remember another Idempotency-Key or quote; nothing was "
                  "done. Try again later, or send the command with neither.",
              .retry_after_s = 60};
  }
  return {problems::internal_error, "Something went wrong here; it has been logged."};
}

Problem takes_no_commands() {
  return {.type = problems::not_ready,
          .detail =
              "This instance answers queries only (--no-writer); nothing was "
              "done. Send commands to the instance that takes them.",
          .retry_after_s = 1};
}

Problem purchase_closed(PurchaseId purchase, DeliveryStatus status) {
  return {problems::purchase_closed,
          "This purchase is closed, and so is its delivery.",
          {{"purchaseId", to_string(purchase)}, {"deliveryStatus", to_string(status)}}};
}

Problem illegal_status_change(PurchaseId purchase, DeliveryStatus from, DeliveryStatus to) {
  return {problems::illegal_status_change,
          "A delivery that is '" + std::string(to_string(from)) + "' cannot become '" +
              std::string(to_string(to)) + "'.",
          {{"purchaseId", to_string(purchase)},
           {"expected", to_string(from)},
           {"actual", to_string(to)}}};
}

Problem not_found(const http::ProblemType& type, std::string_view which) {
  const std::string what(type.code.substr(0, type.code.find("-not-found")));
  return {type, "There is no " + what + " '" + std::string(which) + "'.", {{what, which}}};
}

Problem read_model_behind(Position reached, Position wanted) {
  return {.type = problems::read_model_behind,
          .detail = "The read model has not reached that position yet. Try again.",
          .fields = {{"expected", wanted.value}, {"actual", reached.value}},
          .retry_after_s = 1};
}

Problem read_model_away() {
  return {.type = problems::read_model_unavailable,
          .detail = "The database does not answer. Try again; commands work without it.",
          .retry_after_s = 1};
}

Problem entity_parked() {
  return {.type = problems::entity_parked,
          .detail =
              "One of its events could not be written to the read model. Nothing is lost: it is "
              "in the log. The shop's operator can see why with: jangbu projections parked list",
          .retry_after_s = 60};
}

Problem log_away() {
  return {.type = problems::unavailable,
          .detail = "The event log does not answer. Try again.",
          .retry_after_s = 1};
}

Problem quote_unknown() {
  return {problems::quote_invalid,
          "quoteId is not a quote from this shop. Get one with POST /quotes.",
          {{"field", "quoteId"}}};
}

Problem unknown_parameter(const std::string& name, const std::vector<std::string>& known) {
  Json expected = Json::array();
  std::string list;
  for (const std::string& one : known) {
    expected.push_back(one);
    list += (list.empty() ? "" : ", ") + one;
  }
  return {problems::unknown_parameter,
          "There is no parameter '" + name + "' here. " +
              (known.empty() ? "Leave it out." : "Use one of: " + list + "."),
          {{"field", name}, {"expected", expected}}};
}

Problem repeated_parameter(const std::string& name) {
  return {problems::invalid_field,
          "The parameter '" + name + "' is given more than once. Give it once.",
          {{"field", name}}};
}

Problem not_happened_yet(EventId asked, Position last) {
  return {problems::invalid_field,
          "The event " + to_string(asked) + " has not happened yet: the log ends at " +
              std::to_string(last.value) + ".",
          {{"field", "Last-Event-ID"}}};
}

}  // namespace jangbu
