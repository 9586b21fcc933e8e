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

void add(http::Router& router, const openapi::Path& path, http::AnyHandler handler) {
  router.add(
      {path.method, std::string(path.pattern), std::move(handler), std::string(path.operation.id)});
}

}  // namespace

nlohmann::ordered_json openapi_document(const Service& service) {
  std::vector<openapi::Path> paths;
  for (const Route& route : service.routes)
    paths.push_back({route.method, route.pattern, route.operation});
  paths.push_back(index_path);
  paths.push_back(document_path);
  return openapi::document({service.title, service.description}, paths);
}

http::Router to_router(const Service& service) {
  http::Router router;
  add(router, index_path, serve(StaticContent(index_of(service).dump(), "application/json")));
  add(router, document_path,
      serve(StaticContent(openapi_document(service).dump(), "application/json")));
  for (const Route& route : service.routes)
    add(router, {route.method, route.pattern, route.operation}, route.handler);
  return router;
}

}  // namespace jangbu
