// A service: a table of endpoints from which its requests are served and its OpenAPI document is
// made; and the parts of this process that all services use.
//
// Threads: tables are constants; endpoint handlers run on HTTP workers and never wait. Ownership: a
// Backend refers to parts that outlive the servers.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "api/http/router.hpp"
#include "api/openapi/operation.hpp"

namespace jangbu {

class Console;
class EventFeed;
class Importer;
class LoadJobs;
class LogLookup;
class LogSearch;
class Metrics;
class Projector;
class Quotes;
class Readiness;
class ReadModels;
class RebuildJobs;
class StaticContent;
class Writer;
namespace webhook {
class Webhooks;
}

// The parts that take commands.
struct CommandSide {
  Writer& writer;
  LogLookup& log_lookup;
  const Quotes& quotes;
  Importer& importer;
};

// What the operations service needs besides the shared parts.
struct OperationsSide {
  const Projector* projector;  // null when another process projects
  LogSearch& log_search;
  EventFeed& log_feed;
  RebuildJobs& rebuilds;
  LoadJobs& loads;
  webhook::Webhooks& webhooks;
  Readiness& readiness;
  const Metrics& metrics;
  const Console& console;
  const StaticContent& asyncapi;
  std::string source;  // of CloudEvents
};

struct Backend {
  const CommandSide* commands;  // null when another process takes commands
  ReadModels& read_models;
  EventFeed& delivery_feed;
  const OperationsSide* operations;  // null in tests of the other services

  const Writer* writer() const { return commands ? &commands->writer : nullptr; }
};

// Handles one kind of request. It may throw a Problem, which is then the answer.
using Serve = void (*)(const Backend&, const http::Request&, const http::Exchange&);

// Likewise, for a body that comes in pieces.
using ServeStreaming = void (*)(const Backend&, const http::Request&, const http::BodyStream&,
                                const http::Exchange&);

struct Endpoint {
  std::variant<Serve, ServeStreaming> serve;
  openapi::Operation operation;
};

struct Service {
  std::string_view name;  // "account"
  std::string_view title;
  std::string_view description;
  std::span<const Endpoint> endpoints;
  // What `/` answers when HTML is requested; nothing otherwise. Null: the service has no page.
  std::optional<http::Response> (*page)(const Backend&, const http::Request&) = nullptr;
};

extern const Service account_service;
extern const Service product_service;
extern const Service purchase_service;
extern const Service delivery_service;
extern const Service operations_service;

// The service's endpoints, and three about itself: links at `/`, its document at `/openapi.json`,
// and what its problems mean at `/problems/{code}`. A query parameter that the document does not
// list is refused. When this process takes no commands, their endpoints say so.
http::Router to_router(const Service& service, const Backend& backend);

// The body of `/openapi.json`.
std::string openapi_document(const Service& service);

}  // namespace jangbu
