#include "api/services/service.hpp"

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include "api/answers/problem.hpp"
#include "api/answers/problem_types.hpp"
#include "api/answers/problems.hpp"
#include "api/openapi/document.hpp"
#include "api/pages/problem_pages.hpp"
#include "api/pages/static_content.hpp"
#include "infra/json.hpp"

namespace jangbu {

namespace {

using openapi::Operation;

// Every service has these. Their handlers need the whole table, so to_router() makes them.
const Operation index_operation{.method = http::Method::get,
                                .path = "/",
                                .id = "getIndex",
                                .summary = "What this service offers",
                                .kind = openapi::Kind::content,
                                .gives = "Index"};
const Operation page_operation{
    .method = http::Method::get,
    .path = "/",
    .id = "getIndex",
    .summary = "The console, or what this service offers",
    .description =
        "Who asks for HTML gets the console: a page on which people see the shop live, "
        "in the language that Accept-Language or `lang` prefers. Everybody else gets "
        "links.",
    .kind = openapi::Kind::content,
    .gives = "Index",
    .or_html = true,
    .parameters = {"lang", "acceptLanguage"}};
const Operation document_operation{.method = http::Method::get,
                                   .path = "/openapi.json",
                                   .id = "getOpenApi",
                                   .summary = "This document",
                                   .kind = openapi::Kind::content,
                                   .gives = "OpenApi"};
const Operation problem_operation{
    .method = http::Method::get,
    .path = "/problems/{code}",
    .id = "getProblem",
    .summary = "What a problem means",
    .description = "What the `type` of a problem leads to. Who asks for HTML gets a page.",
    .kind = openapi::Kind::content,
    .gives = "ProblemKind",
    .or_html = true,
    .problems = {problems::not_found}};

const Operation& index_of(const Service& service) {
  return service.page ? page_operation : index_operation;
}

std::string links_of(const Service& service) {
  Json links = Json::array();
  const auto add = [&](const Operation& operation) {
    links.push_back(Json{{"operation", operation.id},
                         {"method", http::to_string(operation.method)},
                         {"href", operation.path}});
  };
  for (const Endpoint& endpoint : service.endpoints) add(endpoint.operation);
  add(document_operation);
  add(problem_operation);
  return Json{{"service", service.name}, {"links", links}}.text();
}

http::Handler serve_index(const Service& service, const Backend& backend) {
  if (!service.page) return serve(StaticContent(links_of(service), "application/json"));
  const StaticContent links(links_of(service), "application/json",
                            {{"Vary", "Accept, Accept-Language"}});
  return [page = service.page, backend, links](http::Request&& request,
                                               const http::Exchange& exchange) {
    auto response = page(backend, request);
    exchange.respond(response ? std::move(*response) : links.respond(request));
  };
}

bool is_command(openapi::Kind kind) {
  using openapi::Kind;
  return kind == Kind::command || kind == Kind::create || kind == Kind::rows || kind == Kind::quote;
}

// Runs the action, or answers with the Problem that it throws.
template <class Action>
void or_problem(const http::Exchange& exchange, Action action) {
  try {
    action();
  } catch (const Problem& problem) {
    exchange.respond(problem);
  }
}

http::AnyHandler bind(const Backend& backend, Serve serve) {
  return http::Handler([backend, serve](http::Request&& request, const http::Exchange& exchange) {
    or_problem(exchange, [&] { serve(backend, request, exchange); });
  });
}

http::AnyHandler bind(const Backend& backend, ServeStreaming serve) {
  return http::StreamingHandler([backend, serve](http::Request&& request,
                                                 const http::BodyStream& body,
                                                 const http::Exchange& exchange) {
    or_problem(exchange, [&] { serve(backend, request, body, exchange); });
  });
}

void turn_away(const Backend&, const http::Request&, const http::Exchange& exchange) {
  exchange.respond(takes_no_commands());
}

// Answers before any of the body has arrived.
void turn_away(const Backend&, const http::Request&, const http::BodyStream&,
               const http::Exchange& exchange) {
  exchange.respond(takes_no_commands());
}

http::AnyHandler handler_of(const Endpoint& endpoint, const Backend& backend) {
  const bool taken = backend.commands || !is_command(endpoint.operation.kind);
  return std::visit(
      [&]<class SomeServe>(SomeServe serve) {
        const SomeServe turned_away = turn_away;
        return bind(backend, taken ? serve : turned_away);
      },
      endpoint.serve);
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

// Routes take only the query parameters in their OpenAPI document, each once.
http::AnyHandler with_checked_query(const Operation& operation, http::AnyHandler handler) {
  const auto names = openapi::query_parameters(operation);
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

void add(http::Router& router, const Operation& operation, http::AnyHandler handler) {
  router.add({operation.method, std::string(operation.path),
              with_checked_query(operation, std::move(handler)), std::string(operation.id)});
}

}  // namespace

std::string openapi_document(const Service& service) {
  std::vector<Operation> operations;
  for (const Endpoint& endpoint : service.endpoints) operations.push_back(endpoint.operation);
  for (const Operation& own : {index_of(service), document_operation, problem_operation})
    operations.push_back(own);
  return openapi::document({service.title, service.description}, operations);
}

http::Router to_router(const Service& service, const Backend& backend) {
  http::Router router;
  add(router, index_of(service), serve_index(service, backend));
  add(router, document_operation,
      serve(StaticContent(openapi_document(service), "application/json")));
  add(router, problem_operation, serve_problems());
  for (const Endpoint& endpoint : service.endpoints)
    add(router, endpoint.operation, handler_of(endpoint, backend));
  return router;
}

}  // namespace jangbu
