#include "api/backend.hpp"
#include "infra/ids.hpp"

namespace jangbu {

namespace {

using http::Exchange;
using http::Method;
using http::Request;

constexpr std::size_t max_description = 5'000;
constexpr std::size_t max_reason = 500;

void list_product(const Backend& backend, const Request& request, const Exchange& exchange) {
  Body body = json_body(request);
  ListProduct command{.product = new_id<ProductId>(),
                      .name = body.name("name"),
                      .unit_price = body.money("unitPrice"),
                      .stock = body.integer("stock", 0, max_stock),
                      .description = body.optional_text("description", max_description),
                      .at = system_now()};
  body.no_more();
  execute(backend, request, exchange, std::move(command), product_resource, true);
}

void list(const Backend& backend, const Request& request, const Exchange& exchange) {
  answer_page(backend, read_at(request), exchange, list_products(page_from<ProductId>(request)));
}

void find_by_name(const Backend& backend, const Request& request, const Exchange& exchange) {
  const std::string name = query_name(request);
  answer_one(backend, read_at(request), exchange, product_by_name(name),
             problems::product_not_found, name);
}

void get(const Backend& backend, const Request& request, const Exchange& exchange) {
  const auto id = path_id<ProductId>(request, problems::product_not_found);
  answer_one(backend, read_at(request), exchange, product_by_id(id), problems::product_not_found,
             to_string(id));
}

void change_price(const Backend& backend, const Request& request, const Exchange& exchange) {
  const auto id = path_id<ProductId>(request, problems::product_not_found);
  Body body = json_body(request);
  const ChangePrice command{id, body.money("unitPrice")};
  body.no_more();
  execute(backend, request, exchange, command, product_resource);
}

void change_stock(const Backend& backend, const Request& request, const Exchange& exchange) {
  const auto id = path_id<ProductId>(request, problems::product_not_found);
  Body body = json_body(request);
  ChangeStock command{id, body.integer("change", -max_stock, max_stock),
                      body.optional_text("reason", max_reason)};
  if (command.change == 0) invalid("change", "must not be 0");
  body.no_more();
  execute(backend, request, exchange, std::move(command), product_resource);
}

void withdraw(const Backend& backend, const Request& request, const Exchange& exchange) {
  const auto id = path_id<ProductId>(request, problems::product_not_found);
  execute(backend, request, exchange, WithdrawProduct{id, system_now()}, product_resource);
}

void history(const Backend& backend, const Request& request, const Exchange& exchange) {
  const auto id = path_id<EntityId>(request, problems::product_not_found);
  answer_history(backend, request, exchange, {EntityKind::product, id},
                 problems::product_not_found);
}

}  // namespace

http::Router product_service(const Backend& backend) {
  return to_router("product", backend,
                   {{Method::post, "/products", "listProduct", list_product},
                    {Method::get, "/products", "listProducts", list},
                    {Method::get, "/products/search/findByName", "findProductByName", find_by_name},
                    {Method::get, "/products/{id}", "getProduct", get},
                    {Method::delete_, "/products/{id}", "withdrawProduct", withdraw},
                    {Method::put, "/products/{id}/price", "changePrice", change_price},
                    {Method::post, "/products/{id}/stock", "changeStock", change_stock},
                    {Method::get, "/products/{id}/history", "getProductHistory", history}});
}

}  // namespace jangbu
