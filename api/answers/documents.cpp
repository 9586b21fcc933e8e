#include "api/answers/documents.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "api/answers/problem_types.hpp"
#include "api/answers/problems.hpp"
#include "api/answers/represent.hpp"
#include "api/http/entity_tags.hpp"

namespace jangbu {

http::Response with_position(http::Response response, Position position) {
  response.headers.emplace_back("Event-Position", std::to_string(position.value));
  return response;
}

http::Response ok(const Json& json, Position position) {
  return with_position({200, "application/json", json.text(), {}}, position);
}

http::Response ok(const Json& json, Position position, std::string_view tag) {
  auto response = ok(json, position);
  response.headers.emplace_back("ETag", std::string("\"").append(tag).append("\""));
  return response;
}

http::Response of_now(int status, const Json& json) {
  return {status, "application/json", json.text(), {{"Cache-Control", "no-store"}}};
}

http::Response unless_known(http::Response response, const http::Headers& request) {
  const auto tag =
      std::ranges::find(response.headers, "ETag", &std::pair<std::string, std::string>::first);
  if (tag == response.headers.end() || !http::is_known(request, tag->second)) return response;
  return {.status = 304, .headers = std::move(response.headers)};
}

namespace {

Document purchase_document(const EntityView& view) {
  const PurchaseView& purchase = *std::get<Purchase>(view);
  return {purchase_to_json(purchase), to_string(purchase.purchase.purchase),
          to_string(purchase.purchase_version)};
}

Document delivery_document(const EntityView& view) {
  const DeliveryRow row = to_delivery_row(*std::get<Purchase>(view));
  return {to_json(row), to_string(row.id), tag_of(row)};
}

Document account_document(const EntityView& view) {
  const AccountRow row = to_row(*std::get<Account>(view));
  return {to_json(row), to_string(row.id), tag_of(row)};
}

Document product_document(const EntityView& view) {
  const ProductRow row = to_row(*std::get<Product>(view));
  return {to_json(row), to_string(row.id), tag_of(row)};
}

Document past_product_document(const EntityView& view) {
  const ProductRow row = to_row(*std::get<Product>(view));
  return {past_to_json(row), to_string(row.id), to_string(row.version)};
}

}  // namespace

const Resource account_resource{"/accounts/", account_document, problems::account_not_found};
const Resource product_resource{"/products/", product_document, problems::product_not_found, true};
const Resource past_product_resource{"/products/", past_product_document,
                                     problems::product_not_found};
const Resource purchase_resource{"/purchases/", purchase_document, problems::purchase_not_found};
const Resource delivery_resource{"/deliveries/", delivery_document, problems::delivery_not_found};

}  // namespace jangbu
