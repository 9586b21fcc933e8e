#include "api/services/service.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "api/access/issuer.hpp"
#include "api/answers/problem.hpp"
#include "api/answers/problem_types.hpp"
#include "api/answers/problems.hpp"
#include "api/cluster/forwarder.hpp"
#include "api/openapi/document.hpp"
#include "api/pages/problem_pages.hpp"
#include "api/pages/static_content.hpp"
#include "infra/ids.hpp"
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

// Has the command decided: here while this instance is active, or else by the one that is.
struct Decide {
  std::string_view service;
  Serve serve;

  void operator()(const Call& call) const {
    cluster::Forwarder* forwarder = call.backend.forwarder;
    if (!forwarder || (call.backend.commands && forwarder->decides_here())) return serve(call);
    forwarder->forward({.service = service,
                        .request = call.request,
                        .body = call.request.body,
                        .asker = *call.asker()},
                       call.exchange);
  }
};

void turn_away(const Call& call) {
  call.exchange.respond(takes_no_commands());
}

// Answers before any of the body has arrived.
void turn_away(const Call& call, const http::BodyStream&) {
  call.exchange.respond(takes_no_commands());
}

// A misspelt filter must not show everybody's rows.
void require_known(const http::Request& request, const std::vector<std::string>& parameters) {
  const auto& query = request.query;
  for (auto one = query.begin(); one != query.end(); ++one) {
    const std::string& name = one->first;
    if (std::ranges::find(parameters, name) == parameters.end())
      throw unknown_parameter(name, parameters);
    const auto same = [&](const auto& other) { return other.first == name; };
    if (std::find_if(query.begin(), one, same) != one) throw repeated_parameter(name);
  }
}

// What has to be right before a request's handler is called.
struct Door {
  access::Permission permission;
  std::vector<std::string> parameters;  // of the query; each may be given once

  explicit Door(const Operation& operation)
      : permission(access::permission_for(operation.id)),
        parameters(openapi::query_parameters(operation)) {}

  // Calls `serve` with the call, or answers with the Problem that it, or the door, throws.
  template <class Serve>
  void let_in(const Backend& backend, const http::Request& request, const http::Exchange& exchange,
              const Serve& serve) const {
    try {
      const auto grant = backend.gatekeeper.admit(request, exchange, permission);
      require_known(request, parameters);
      serve(Call{backend, request, exchange, grant});
    } catch (const Problem& problem) {
      exchange.respond(problem);
    }
  }
};

// `serve` takes a Call.
template <class ServeCall>
http::AnyHandler bind(const Backend& backend, Door door, ServeCall serve) {
  return http::Handler([backend, door = std::move(door), serve](http::Request&& request,
                                                                const http::Exchange& exchange) {
    door.let_in(backend, request, exchange, serve);
  });
}

http::AnyHandler bind(const Backend& backend, Door door, ServeStreaming serve) {
  return http::StreamingHandler(
      [backend, door = std::move(door), serve](
          http::Request&& request, const http::BodyStream& body, const http::Exchange& exchange) {
        door.let_in(backend, request, exchange, [&](const Call& call) { serve(call, body); });
      });
}

http::AnyHandler handler_of(std::string_view service, const Endpoint& endpoint,
                            const Backend& backend) {
  const bool is_taken =
      backend.commands || backend.forwarder || !openapi::is_decided(endpoint.operation.kind);
  Door door(endpoint.operation);
  if (const auto* streaming = std::get_if<ServeStreaming>(&endpoint.serve)) {
    const ServeStreaming turned_away = turn_away;
    return bind(backend, std::move(door), is_taken ? *streaming : turned_away);
  }
  const Serve serve = std::get<Serve>(endpoint.serve);
  const Serve turned_away = turn_away;
  if (is_taken && openapi::is_decided(endpoint.operation.kind))
    return bind(backend, std::move(door), Decide{service, serve});
  return bind(backend, std::move(door), is_taken ? serve : turned_away);
}

// For what every service has, which is for everybody.
http::AnyHandler with_door(const Backend& backend, const Operation& operation,
                           http::Handler handler) {
  return http::Handler([backend, door = Door(operation), handler = std::move(handler)](
                           http::Request&& request, const http::Exchange& exchange) {
    door.let_in(backend, request, exchange,
                [&](const Call&) { handler(std::move(request), exchange); });
  });
}

void add(http::Router& router, const Operation& operation, http::AnyHandler handler) {
  router.add({operation.method, std::string(operation.path), std::move(handler),
              std::string(operation.id)});
}

}  // namespace

std::function<bool()> Call::held() const {
  return [grant = grant] { return grant->holds(system_now()); };
}

std::string openapi_document(const Service& service, const std::vector<std::string>& issuers) {
  std::vector<Operation> operations;
  const auto add = [&](Operation operation) {
    operation.roles = access::words_of(access::permission_for(operation.id).roles);
    operations.push_back(std::move(operation));
  };
  for (const Endpoint& endpoint : service.endpoints) add(endpoint.operation);
  for (const Operation& own : {index_of(service), document_operation, problem_operation}) add(own);
  openapi::About about{service.title, service.description};
  for (const std::string& issuer : issuers)
    about.discovery_urls.push_back(access::discovery_url(issuer));
  return openapi::document(about, operations);
}

http::Router to_router(const Service& service, const Backend& backend) {
  http::Router router;
  const auto add_own = [&](const Operation& operation, http::Handler handler) {
    add(router, operation, with_door(backend, operation, std::move(handler)));
  };
  add_own(index_of(service), serve_index(service, backend));
  add_own(document_operation,
          serve(StaticContent(openapi_document(service, backend.gatekeeper.issuers()),
                              "application/json")));
  add_own(problem_operation, serve_problems());
  for (const Endpoint& endpoint : service.endpoints)
    add(router, endpoint.operation, handler_of(service.name, endpoint, backend));
  return router;
}

}  // namespace jangbu
