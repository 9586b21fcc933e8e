// Which handler answers which request: a small table of (method, pattern, handler).
//
// A pattern is a path whose segments are literals or parameters: "/accounts/{id}/history",
// "/accounts:import", "/swagger-ui/". Patterns are matched against decoded segments. Where two
// patterns match, the leftmost difference decides, and a literal beats a parameter. A parameter is
// never empty.
//
// GET routes also answer HEAD (the request says Method::head, the body is left out); OPTIONS is
// answered for every path. The OpenAPI documents are made from the same table: `operation` names
// the operation there.
//
// Threads: filled by one thread, then only read, by all workers.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "api/http/body_stream.hpp"
#include "api/http/cors.hpp"
#include "api/http/exchange.hpp"
#include "api/http/hosts.hpp"
#include "api/http/message.hpp"

namespace jangbu::http {

// Runs on a worker thread and must not block it: it answers, or passes the Exchange on and returns.
// An exception becomes an answer: jangbu::Unavailable a 503, anything else a 500.
using Handler = std::function<void(Request&&, Exchange)>;

// Likewise, but takes the body itself, in pieces and up to Limits::streamed_body_bytes;
// Request::body is empty. If it answers before the whole body has been handed over, the connection
// is closed after the answer.
using StreamingHandler = std::function<void(Request&&, BodyStream, Exchange)>;

using AnyHandler = std::variant<Handler, StreamingHandler>;

struct Route {
  Method method;
  std::string pattern;
  AnyHandler handler;
  std::string operation;

  bool streams_body() const { return std::holds_alternative<StreamingHandler>(handler); }
};

class Router {
 public:
  // REQUIRES: the pattern begins with '/', the method is not HEAD, and no other route of that
  // method matches the same paths (std::logic_error otherwise).
  Router& add(Method method, std::string pattern, Handler handler, std::string operation = {});
  Router& add(Route route);
  Router& add_streaming(Method method, std::string pattern, StreamingHandler handler,
                        std::string operation = {});

  // The pages of other origins that may use all of it; by default none.
  Router& allow(Cors cors);
  const Cors& cors() const { return cors_; }

  // The names by which it may be called, besides the address that a connection came to; by default
  // any.
  Router& answer_to(Hosts hosts);
  const Hosts& hosts() const { return hosts_; }

  // In the order in which they were added.
  const std::vector<Route>& routes() const { return routes_; }

  // The route for the request, whose parameters are filled in; null if there is none.
  const Route* find(Request& request) const;

  // What a request without a route gets: 204 for OPTIONS, 404, or 405 with Allow.
  Response without_route(const Request& request) const;

 private:
  struct Pattern {
    std::vector<std::string> segments;  // of a parameter, its name
    std::vector<bool> is_parameter;
    std::size_t route;  // index into routes_

    bool matches(const std::vector<std::string>& path) const;
  };

  std::string allowed_methods(const Request& request) const;  // empty: there is no such path

  Cors cors_;
  Hosts hosts_;
  std::vector<Route> routes_;
  std::vector<Pattern> patterns_;  // more literal ones first
};

}  // namespace jangbu::http
