// A service: a table of endpoints that its requests are served from and its OpenAPI document is
// made from; and the parts of this process that all services answer with.
//
// Threads: tables are constants; what serves an endpoint runs on HTTP workers and never waits.
// Ownership: a Backend refers to parts that outlive the servers.
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
class Writer;

// What takes commands.
struct CommandSide {
  Writer& writer;
  LogLookup& log_lookup;
  const Quotes& quotes;
  Importer& importer;
};

// What the operations service needs beside the others' parts.
struct OperationsSide {
  const Projector* projector;  // null when another process projects
  LogSearch& log_search;
  EventFeed& log_feed;
  RebuildJobs& rebuilds;
  LoadJobs& loads;
  Readiness& readiness;
  const Metrics& metrics;
  const Console& console;
};

struct Backend {
  const CommandSide* commands;  // null where another process takes them
  ReadModels& read_models;
  EventFeed& delivery_feed;
  const OperationsSide* operations;  // null in tests of the other services

  const Writer* writer() const { return commands ? &commands->writer : nullptr; }
};

// What a service does with one kind of request. It may throw a Problem, which is then the answer.
using Serve = void (*)(const Backend&, const http::Request&, const http::Exchange&);

// Likewise, where the body comes in pieces.
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
  // What `/` answers to who asks for HTML; nothing for others. Null: the service has no page.
  std::optional<http::Response> (*page)(const Backend&, const http::Request&) = nullptr;
};

extern const Service account_service;
extern const Service product_service;
extern const Service purchase_service;
extern const Service delivery_service;
extern const Service operations_service;

// The service's endpoints, and three about itself: links at `/`, its document at `/openapi.json`,
// and what its problems mean at `/problems/{code}`. A query parameter that the document does not
// tell of is refused. Where this process takes no commands, their endpoints say so.
http::Router to_router(const Service& service, const Backend& backend);

// What `/openapi.json` answers with.
std::string openapi_document(const Service& service);

}  // namespace jangbu
