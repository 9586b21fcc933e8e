#include "api/answers/documents.hpp"
#include "api/answers/problem_types.hpp"
#include "api/requests/parameters.hpp"
#include "api/services/commands.hpp"
#include "api/services/queries.hpp"
#include "infra/ids.hpp"

namespace jangbu {

namespace product_routes {

using http::Exchange;
using http::Method;
using http::Request;
using openapi::Kind;

constexpr std::size_t max_description = 5'000;
constexpr std::size_t max_reason = 500;

Command to_list_product(Body body, const Principal& asker) {
  ListProduct command{
      .product = new_id<ProductId>(),
      .name = body.name("name"),
      .unit_price = body.money("unitPrice"),
      .stock = body.integer("stock", 0, max_stock),
      .description = body.optional_text("description", max_description, TextKind::prose),
      .at = system_now()};
  if (!asker.acts_for_all()) command.seller = asker.id;
  body.no_more();
  return command;
}

void list_product(const Call& call) {
  execute(call, to_list_product(json_body(call.request), *call.asker()), product_resource, true);
}

void import_products(const Call& call, const http::BodyStream& body) {
  import_rows(call, body, product_service.name, to_list_product);
}

void list(const Call& call) {
  answer_page(call.backend, read_at(call.request), call.exchange,
              list_products(page_from<ProductId>(call.request)));
}

void find_by_name(const Call& call) {
  const std::string name = query_name(call.request);
  answer_one(call, product_by_name(name), problems::product_not_found, name);
}

void find_by_beginning(const Call& call) {
  answer_page(call.backend, read_at(call.request), call.exchange,
              list_products_beginning_with(query_beginning(call.request),
                                           page_from<ProductId>(call.request)));
}

void get(const Call& call) {
  const auto id = path_id<ProductId>(call.request, problems::product_not_found);
  if (const auto then = as_of(call.request))
    return answer_as_of(call, *then, {EntityKind::product, id_cast<EntityId>(id)},
                        past_product_resource);
  answer_one(call, product_by_id(id), problems::product_not_found, to_string(id));
}

void change_price(const Call& call) {
  const auto id = path_id<ProductId>(call.request, problems::product_not_found);
  Body body = json_body(call.request);
  const ChangePrice command{id, body.money("unitPrice")};
  body.no_more();
  execute(call, command, product_resource);
}

void change_stock(const Call& call) {
  const auto id = path_id<ProductId>(call.request, problems::product_not_found);
  Body body = json_body(call.request);
  ChangeStock command{id, body.integer("change", -max_stock, max_stock),
                      body.optional_text("reason", max_reason, TextKind::prose)};
  if (command.change == 0) invalid("change", "must not be 0");
  body.no_more();
  execute(call, std::move(command), product_resource);
}

void withdraw(const Call& call) {
  const auto id = path_id<ProductId>(call.request, problems::product_not_found);
  execute(call, WithdrawProduct{id, system_now()}, product_resource);
}

void history(const Call& call) {
  const auto id = path_id<EntityId>(call.request, problems::product_not_found);
  answer_history(call, {EntityKind::product, id}, problems::product_not_found);
}

const Endpoint endpoints[] = {
    {list_product,
     {.method = Method::post,
      .path = "/products",
      .id = "listProduct",
      .summary = "List a product for sale",
      .kind = Kind::create,
      .takes = "NewProduct",
      .gives = "Product",
      .problems = {problems::product_name_taken}}},
    {import_products,
     {.method = Method::post,
      .path = "/products:import",
      .id = "importProducts",
      .summary = "List many products for sale",
      .description = rows_description,
      .kind = Kind::rows,
      .takes = "NewProduct",
      .gives = "ImportedRow"}},
    {list,
     {.method = Method::get,
      .path = "/products",
      .id = "listProducts",
      .summary = "List products",
      .kind = Kind::page,
      .gives = "Product",
      .parameters = {"after"}}},
    {find_by_name,
     {.method = Method::get,
      .path = "/products/search/findByName",
      .id = "findProductByName",
      .summary = "Find a listed product by name",
      .kind = Kind::one,
      .gives = "Product",
      .parameters = {"name"},
      .problems = {problems::product_not_found}}},
    {find_by_beginning,
     {.method = Method::get,
      .path = "/products/search/findByNameStartingWith",
      .id = "findProductsByNameStartingWith",
      .summary = "Find listed products by the beginning of their names",
      .description = beginning_description,
      .kind = Kind::page,
      .gives = "Product",
      .parameters = {"nameStart", "after"}}},
    {get,
     {.method = Method::get,
      .path = "/products/{id}",
      .id = "getProduct",
      .summary = "Get a product",
      .description = "A withdrawn product shows `withdrawnAt`. With `asOf` the stock is left out: "
                     "purchases change it without an event of the product.",
      .kind = Kind::one,
      .gives = "ProductNowOrThen",
      .parameters = {"asOf"},
      .problems = {problems::product_not_found}}},
    {withdraw,
     {.method = Method::delete_,
      .path = "/products/{id}",
      .id = "withdrawProduct",
      .summary = "Withdraw a product from sale",
      .description = "There are no new quotes or purchases of it; existing purchases stand, and "
                     "its name becomes available. Withdrawing a withdrawn product changes nothing.",
      .kind = Kind::command,
      .gives = "Product",
      .example = "withdrawn",
      .problems = {problems::product_not_found}}},
    {change_price,
     {.method = Method::put,
      .path = "/products/{id}/price",
      .id = "changePrice",
      .summary = "Change the price",
      .description = "Quotes given before are refused with `price-changed`.",
      .kind = Kind::command,
      .takes = "NewPrice",
      .gives = "Product",
      .problems = {problems::product_not_found, problems::product_withdrawn}}},
    {change_stock,
     {.method = Method::post,
      .path = "/products/{id}/stock",
      .id = "changeStock",
      .summary = "Receive (+) or correct (-) stock",
      .kind = Kind::command,
      .takes = "StockChange",
      .gives = "Product",
      .problems = {problems::product_not_found, problems::product_withdrawn,
                   problems::insufficient_stock, problems::stock_too_large}}},
    {history,
     {.method = Method::get,
      .path = "/products/{id}/history",
      .id = "getProductHistory",
      .summary = "List a product's events, oldest first",
      .kind = Kind::page,
      .gives = "ProductEvent",
      .parameters = {"afterEvent"},
      .problems = {problems::product_not_found}}}};

}  // namespace product_routes

const Service product_service{
    .name = "product",
    .title = "Jangbu products",
    .description =
        "What is sold, at what price, and how many are left. Names are unique among "
        "listed products.",
    .endpoints = product_routes::endpoints};

}  // namespace jangbu
