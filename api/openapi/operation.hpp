// Describes an endpoint: where it is, and what its OpenAPI document says of it. The description is
// written next to the handler in the service's table. It names schemas, parameters, examples and
// problems; the .json files in this folder spell them out.
#pragma once

#include <string_view>
#include <vector>

#include "api/http/message.hpp"

namespace jangbu::openapi {

// What operations of one kind have in common: parameters, headers and problems.
enum class Kind {
  plain,    // nothing
  content,  // the same for as long as the process runs: ETag, 304
  text,     // nothing; the answer is the text that Prometheus reads
  one,      // a query for one thing: minPosition, ETag
  page,     // a query for many: minPosition, limit, next
  log,      // a query of the log itself: limit, next
  quote,    // decided like a command, but nothing happens
  command,  // Idempotency-Key, If-Match, ETag
  create,   // a command that makes something: 201, Location
  job,      // starts something that takes time: 202, Location of its progress
  rows,     // bulk import: NDJSON in, one result per row out
  stream,   // server-sent events
};

// Whether the writer decides it.
constexpr bool is_decided(Kind kind) {
  return kind == Kind::command || kind == Kind::create || kind == Kind::rows || kind == Kind::quote;
}

struct Operation {
  http::Method method;
  std::string_view path;  // as http::Router takes it
  std::string_view id;
  std::string_view summary;
  std::string_view description = {};
  Kind kind = Kind::plain;
  std::string_view takes = {};  // schema of the body, or of its rows; empty when there is none
  bool body_is_optional = false;
  std::string_view gives;  // schema of the answer; of a page, rows or a stream: of its items
  std::string_view media_type = "application/json";  // of an answer that is one JSON document
  std::string_view example = {};  // which of the answer's examples; the first unless named
  std::string_view event = {};    // of a stream: what its events are called
  bool or_html = false;           // a client that asks for HTML gets a page instead
  std::vector<std::string_view> parameters = {};  // besides those of the kind and the path
  std::vector<http::ProblemType> problems = {};   // besides those of the kind
  std::string_view gives_when_unavailable = {};   // schema of a 503 that is not a problem
  std::vector<std::string_view> roles = {};  // one of which it takes; none: it is for everybody
};

}  // namespace jangbu::openapi
