#include "api/problems.hpp"

#include <nlohmann/json.hpp>

#include "api/json/represent.hpp"

namespace jangbu {

namespace {

using Json = nlohmann::ordered_json;

// A problem with fields of its own beside those of RFC 9457.
http::Response problem(int status, std::string_view code, std::string_view title,
                       const std::string& detail, const Json& fields) {
  auto response = http::problem(status, code, title, detail);
  Json body = Json::parse(response.body);
  body.update(fields);
  response.body = body.dump();
  return response;
}

http::Response retry_later(http::Response response) {
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

struct Responder {
  http::Response operator()(const refusal::AccountNotFound& no) const {
    return not_found("account", no.account);
  }
  http::Response operator()(const refusal::AccountNameTaken& no) const {
    return problem(409, "account-name-taken", "Account name taken",
                   "An open account has the name '" + no.name + "' already. Choose another.",
                   {{"field", "name"}, {"accountId", to_string(no.holder)}});
  }
  http::Response operator()(const refusal::AccountIsClosed& no) const {
    return problem(409, "account-closed", "Account closed",
                   "This account was closed. Open a new one to go on.",
                   {{"accountId", to_string(no.account)}});
  }
  http::Response operator()(const refusal::ProductNotFound& no) const {
    return not_found("product", no.product);
  }
  http::Response operator()(const refusal::ProductNameTaken& no) const {
    return problem(409, "product-name-taken", "Product name taken",
                   "A listed product has the name '" + no.name + "' already. Choose another.",
                   {{"field", "name"}, {"productId", to_string(no.holder)}});
  }
  http::Response operator()(const refusal::ProductIsWithdrawn& no) const {
    return problem(409, "product-withdrawn", "Product withdrawn",
                   "This product was withdrawn and is no longer sold.",
                   {{"productId", to_string(no.product)}});
  }
  http::Response operator()(const refusal::InsufficientStock& no) const {
    return problem(409, "insufficient-stock", "Insufficient stock",
                   "There are " + std::to_string(no.available) + " of '" + no.name +
                       "' left, and " + std::to_string(no.requested) + " were asked for.",
                   {{"productId", to_string(no.product)},
                    {"product", no.name},
                    {"requested", no.requested},
                    {"available", no.available}});
  }
  http::Response operator()(const refusal::StockTooLarge& no) const {
    return problem(409, "stock-too-large", "Stock too large",
                   "The stock of a product can be at most " + std::to_string(max_stock) + ".",
                   {{"productId", to_string(no.product)}, {"maximum", max_stock}});
  }
  http::Response operator()(const refusal::PriceDiffers& no) const {
    Json fields{{"expected", to_json(no.expected)}, {"actual", to_json(no.actual)}};
    if (no.product) fields["productId"] = to_string(*no.product);
    return problem(409, "price-changed", "Price changed",
                   "The price is " + to_string(no.actual) + " now, and " + to_string(no.expected) +
                       " was expected. Ask for a new quote.",
                   fields);
  }
  http::Response operator()(const refusal::AddressDiffers& no) const {
    return problem(
        409, "address-changed", "Address changed",
        "The buyer's address is another one than in the quote. Ask for a new quote.",
        {{"expected", to_json(no.expected.address)}, {"actual", to_json(no.actual.address)}});
  }
  http::Response operator()(const refusal::MixedCurrencies& no) const {
    return problem(409, "mixed-currencies", "Mixed currencies",
                   "All lines of a purchase must be in one currency. Buy them apart.",
                   {{"expected", to_string(no.first)}, {"actual", to_string(no.other)}});
  }
  http::Response operator()(const refusal::TotalTooLarge&) const {
    return problem(409, "total-too-large", "Total too large",
                   "The total of a purchase can be at most " + std::to_string(Money::max_amount) +
                       " minor units.",
                   {{"maximum", Money::max_amount}});
  }
  http::Response operator()(const refusal::QuoteExpired& no) const {
    return problem(409, "quote-expired", "Quote expired",
                   "The quote was good until " + to_string(no.expired_at) + ". Ask for a new one.",
                   {{"expiredAt", to_string(no.expired_at)}});
  }
  http::Response operator()(const refusal::NoOpenPurchase& no) const {
    return not_found("purchase", to_string(no.purchase));
  }
  http::Response operator()(const refusal::AlreadyShipped& no) const {
    return problem(409, "already-shipped", "Already shipped",
                   "The carrier has picked it up, so it can no longer be cancelled.",
                   {{"purchaseId", to_string(no.purchase)}, {"status", to_string(no.status)}});
  }
  http::Response operator()(const refusal::IllegalStatusChange& no) const {
    return illegal_status_change(no.purchase, no.from, no.to);
  }
  http::Response operator()(const refusal::NotDelivered& no) const {
    return problem(409, "not-delivered", "Not delivered",
                   "Its receipt can be confirmed once a carrier has reported it delivered.",
                   {{"purchaseId", to_string(no.purchase)}, {"status", to_string(no.status)}});
  }
  http::Response operator()(const refusal::VersionDiffers& no) const {
    return problem(412, "version-differs", "Version differs",
                   "It has changed since. Read it again, and decide anew.",
                   {{"expected", to_string(no.expected)}, {"actual", to_string(no.actual)}});
  }
  http::Response operator()(const refusal::KeyReused&) const {
    return problem(422, "idempotency-key-reused", "Idempotency key reused",
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
      return retry_later(http::problem(503, "not-ready", "Not ready",
                                       "Commands cannot be taken now; nothing was done. "
                                       "GET /health/ready of operations tells why."));
    case NotDecided::overloaded:
      return retry_later(http::problem(503, "overloaded", "Overloaded",
                                       "There is more to do than can be done; nothing was done. "
                                       "Try again."));
    case NotDecided::key_in_flight:
      return http::problem(409, "idempotency-key-in-flight", "Idempotency key in flight",
                           "A request with this Idempotency-Key is being carried out. "
                           "Try again for its answer.");
    case NotDecided::outcome_unknown:
      return retry_later(http::problem(503, "outcome-unknown", "Outcome unknown",
                                       "The event log did not answer in time: it may have been "
                                       "done, or not. Repeat it with the same Idempotency-Key."));
  }
  return http::problem(500, "internal-error", "Internal error", "");
}

http::Response purchase_closed(PurchaseId purchase, DeliveryStatus status) {
  return problem(409, "purchase-closed", "Purchase closed",
                 "This purchase is closed, and its delivery with it.",
                 {{"purchaseId", to_string(purchase)}, {"status", to_string(status)}});
}

http::Response illegal_status_change(PurchaseId purchase, DeliveryStatus from, DeliveryStatus to) {
  return problem(409, "illegal-status-change", "Illegal status change",
                 "A delivery that is '" + std::string(to_string(from)) + "' cannot become '" +
                     std::string(to_string(to)) + "'.",
                 {{"purchaseId", to_string(purchase)},
                  {"expected", to_string(from)},
                  {"actual", to_string(to)}});
}

http::Response not_found(std::string_view what, std::string_view which) {
  return problem(404, std::string(what) + "-not-found", "Not found",
                 "There is no " + std::string(what) + " '" + std::string(which) + "'.",
                 {{std::string(what), which}});
}

http::Response read_model_behind(Position reached, Position asked) {
  return retry_later(problem(503, "read-model-behind", "Read model behind",
                             "The read model has not reached the position asked for yet.",
                             {{"expected", asked.value}, {"actual", reached.value}}));
}

http::Response read_model_away() {
  return retry_later(http::problem(503, "read-model-unavailable", "Read model unavailable",
                                   "The database does not answer. Commands go on without it."));
}

http::Response quote_unknown() {
  return problem(422, "quote-invalid", "Quote invalid",
                 "quoteId is not a quote of this shop. Ask for one with POST /quotes.",
                 {{"field", "quoteId"}});
}

}  // namespace jangbu
