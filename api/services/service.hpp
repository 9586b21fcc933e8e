// A service: a name, and a table of routes that its requests are served from and its OpenAPI
// document is made from.
//
// Threads: made by one thread; handlers run on HTTP workers.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <vector>

#include "api/http/router.hpp"
#include "api/openapi/operation.hpp"

namespace jangbu {

struct Route {
  http::Method method;
  std::string_view pattern;
  http::AnyHandler handler;
  openapi::Operation operation;
};

struct Service {
  std::string_view name;  // "account"
  std::string_view title;
  std::string_view description;
  std::vector<Route> routes;
  // What `/` answers to who asks for HTML; nothing for others. Empty: the service has no page.
  std::function<std::optional<http::Response>(const http::Request&)> page = {};
};

// The service's routes, and three about itself: links at `/`, its document at `/openapi.json`, and
// what its problems mean at `/problems/{code}`. A query parameter that the document does not tell
// of is refused.
http::Router to_router(const Service& service);

// What `/openapi.json` answers with.
nlohmann::ordered_json openapi_document(const Service& service);

}  // namespace jangbu
