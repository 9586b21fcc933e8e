// A service: a table of endpoints from which its requests are served and its OpenAPI document is
// made; and the parts of this process that all services use.
//
// Threads: tables are constants; endpoint handlers run on HTTP workers and never wait. Ownership: a
// Backend refers to parts that outlive the servers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "api/access/gatekeeper.hpp"
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
namespace cluster {
class Forwarder;
}
namespace webhook {
class Webhooks;
}

// The parts that decide commands.
struct CommandSide {
  Writer& writer;
  LogLookup& log_lookup;
  const Quotes& quotes;
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
  access::Gatekeeper& gatekeeper;
  const CommandSide* commands;  // null when only other instances decide
  ReadModels& read_models;
  EventFeed& delivery_feed;
  const OperationsSide* operations;         // null in tests of the other services
  Importer* importer = nullptr;             // null when no commands are taken
  cluster::Forwarder* forwarder = nullptr;  // null when no other instance is asked

  const Writer* writer() const { return commands ? &commands->writer : nullptr; }
};

// A request that was let in, and who asks. It lives as long as its handler runs; what goes on later
// keeps copies of its parts.
struct Call {
  const Backend& backend;
  const http::Request& request;
  const http::Exchange& exchange;
  const std::shared_ptr<const access::Grant>& grant;
  std::optional<std::uint64_t> row = {};  // the request is that line of an import elsewhere

  const Asker& asker() const { return grant->asker; }
  // Whether the asker's credential is still good, to be asked while a stream goes on.
  std::function<bool()> held() const;
};

// Handles one kind of request. It may throw a Problem, which is then the answer.
using Serve = void (*)(const Call&);

// Likewise, for a body that comes in pieces.
using ServeStreaming = void (*)(const Call&, const http::BodyStream&);

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
// and what its problems mean at `/problems/{code}`. Who may use an operation is in
// api/access/policy; the gatekeeper sees to it before anything else is looked at. A query parameter
// that the document does not list is refused. When this process takes no commands, their endpoints
// say so; and while another instance is active, it decides them.
http::Router to_router(const Service& service, const Backend& backend);

// The body of `/openapi.json`. `issuers`: URLs of the OpenID providers whose tokens are accepted.
std::string openapi_document(const Service& service, const std::vector<std::string>& issuers = {});

}  // namespace jangbu
