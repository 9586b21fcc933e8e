#include "api/services/service.hpp"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "api/answers/problem_types.hpp"
#include "api/answers/problems.hpp"
#include "api/openapi/document.hpp"
#include "api/pages/problem_pages.hpp"
#include "api/pages/static_content.hpp"

namespace jangbu {

namespace {

using Json = nlohmann::ordered_json;
using openapi::Operation;

// Every service has these. Their handlers need the whole table, so to_router() makes them.
const openapi::Path index_path{http::Method::get,
                               "/",
                               {.id = "getIndex",
                                .summary = "What this service offers",
                                .kind = openapi::Kind::content,
                                .gives = "Index"}};
const openapi::Path page_path{
    http::Method::get,
    "/",
    {.id = "getIndex",
     .summary = "The console, or what this service offers",
     .description = "Who asks for HTML gets the console: a page on which people see the shop live, "
                    "in the language that Accept-Language or `lang` prefers. Everybody else gets "
                    "links.",
     .kind = openapi::Kind::content,
     .gives = "Index",
     .or_html = true,
     .parameters = {"lang", "acceptLanguage"}}};
const openapi::Path document_path{http::Method::get,
                                  "/openapi.json",
                                  {.id = "getOpenApi",
                                   .summary = "This document",
                                   .kind = openapi::Kind::content,
                                   .gives = "OpenApi"}};
const openapi::Path problem_path{
    http::Method::get,
    "/problems/{code}",
    {.id = "getProblem",
     .summary = "What a problem means",
     .description = "What the `type` of a problem leads to. Who asks for HTML gets a page.",
     .kind = openapi::Kind::content,
     .gives = "ProblemKind",
     .or_html = true,
     .problems = {problems::not_found}}};

Json index_of(const Service& service) {
  Json links = Json::array();
  const auto add = [&](http::Method method, std::string_view pattern, const Operation& operation) {
    links.push_back(
        {{"operation", operation.id}, {"method", http::to_string(method)}, {"href", pattern}});
  };
  for (const Route& route : service.routes) add(route.method, route.pattern, route.operation);
  for (const openapi::Path& path : {document_path, problem_path})
    add(path.method, path.pattern, path.operation);
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

// A misspelt filter must not show everybody's rows.
std::optional<http::Response> wrong_query(const http::Request& request,
                                          const std::vector<std::string>& names) {
  const auto& query = request.query;
  for (auto one = query.begin(); one != query.end(); ++one) {
    const std::string& name = one->first;
    if (std::ranges::find(names, name) == names.end()) return unknown_parameter(name, names);
    const auto same = [&](const auto& other) { return other.first == name; };
    if (std::find_if(query.begin(), one, same) != one) return repeated_parameter(name);
  }
  return std::nullopt;
}

// Routes take the query parameters that the document tells of, each once.
http::AnyHandler with_checked_query(const openapi::Path& path, http::AnyHandler handler) {
  const auto names = openapi::query_parameters(path);
  const auto checked = [names](auto next) {
    return [names, next](http::Request&& request, auto&&... rest) {
      if (auto wrong = wrong_query(request, names))
        std::get<sizeof...(rest) - 1>(std::tie(rest...)).respond(std::move(*wrong));
      else
        next(std::move(request), rest...);
    };
  };
  if (auto* streaming = std::get_if<http::StreamingHandler>(&handler))
    return http::StreamingHandler(checked(std::move(*streaming)));
  return http::Handler(checked(std::get<http::Handler>(std::move(handler))));
}

void add(http::Router& router, const openapi::Path& path, http::AnyHandler handler) {
  router.add({path.method, std::string(path.pattern), with_checked_query(path, std::move(handler)),
              std::string(path.operation.id)});
}

}  // namespace

nlohmann::ordered_json openapi_document(const Service& service) {
  std::vector<openapi::Path> paths;
  for (const Route& route : service.routes)
    paths.push_back({route.method, route.pattern, route.operation});
  paths.push_back(path_of_index(service));
  paths.push_back(document_path);
  paths.push_back(problem_path);
  return openapi::document({service.title, service.description}, paths);
}

http::Router to_router(const Service& service) {
  http::Router router;
  add(router, path_of_index(service), index_handler(service));
  add(router, document_path,
      serve(StaticContent(openapi_document(service).dump(), "application/json")));
  add(router, problem_path, serve_problems());
  for (const Route& route : service.routes)
    add(router, {route.method, route.pattern, route.operation}, route.handler);
  return router;
}

}  // namespace jangbu
