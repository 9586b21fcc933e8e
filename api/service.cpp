#include "api/service.hpp"

#include <string>

#include "api/openapi/document.hpp"
#include "api/static_content.hpp"

namespace jangbu {

namespace {

using Json = nlohmann::ordered_json;
using openapi::Operation;

// Every service has these. Their handlers need the whole table, so to_router() makes them.
const openapi::Path index_path{
    http::Method::get,
    "/",
    {.id = "getIndex", .summary = "What this service offers", .gives = "Index"}};
const openapi::Path page_path{
    http::Method::get,
    "/",
    {.id = "getIndex",
     .summary = "The console, or what this service offers",
     .description = "Who asks for HTML gets the console: a page on which people see the shop live, "
                    "in the language that Accept-Language or `lang` prefers. Everybody else gets "
                    "links.",
     .gives = "Index",
     .or_html = true,
     .parameters = {"lang", "acceptLanguage"}}};
const openapi::Path document_path{
    http::Method::get,
    "/openapi.json",
    {.id = "getOpenApi", .summary = "This document", .gives = "OpenApi"}};

Json index_of(const Service& service) {
  Json links = Json::array();
  const auto add = [&](http::Method method, std::string_view pattern, const Operation& operation) {
    links.push_back(
        {{"operation", operation.id}, {"method", http::to_string(method)}, {"href", pattern}});
  };
  for (const Route& route : service.routes) add(route.method, route.pattern, route.operation);
  add(document_path.method, document_path.pattern, document_path.operation);
  return {{"service", service.name}, {"links", std::move(links)}};
}

const openapi::Path& path_of_index(const Service& service) {
  return service.page ? page_path : index_path;
}

http::Handler index_handler(const Service& service) {
  const std::string links = index_of(service).dump();
  if (!service.page) return serve(StaticContent(links, "application/json"));
  StaticContent::Headers headers{{"Vary", "Accept, Accept-Language"}};
  return [page = service.page, links = StaticContent(links, "application/json", headers)](
             http::Request&& request, const http::Exchange& exchange) {
    auto response = page(request);
    exchange.respond(response ? std::move(*response) : links.respond(request));
  };
}

void add(http::Router& router, const openapi::Path& path, http::AnyHandler handler) {
  router.add(
      {path.method, std::string(path.pattern), std::move(handler), std::string(path.operation.id)});
}

}  // namespace

nlohmann::ordered_json openapi_document(const Service& service) {
  std::vector<openapi::Path> paths;
  for (const Route& route : service.routes)
    paths.push_back({route.method, route.pattern, route.operation});
  paths.push_back(path_of_index(service));
  paths.push_back(document_path);
  return openapi::document({service.title, service.description}, paths);
}

http::Router to_router(const Service& service) {
  http::Router router;
  add(router, path_of_index(service), index_handler(service));
  add(router, document_path,
      serve(StaticContent(openapi_document(service).dump(), "application/json")));
  for (const Route& route : service.routes)
    add(router, {route.method, route.pattern, route.operation}, route.handler);
  return router;
}

}  // namespace jangbu
