// OpenAPI 3.1 documents, made from the table of routes that serves the requests.
//
// Threads: pure functions. Errors: std::out_of_range for a name in the table that the .json files
// do not have.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "api/http/message.hpp"
#include "api/openapi/operation.hpp"

namespace jangbu::openapi {

struct About {
  std::string_view title;
  std::string_view description;
};

struct Path {
  http::Method method;
  std::string_view pattern;  // as http::Router takes it
  Operation operation;
};

// The names of the query parameters that the operation takes.
std::vector<std::string> query_parameters(const Path& path);

// What the documents tell of a problem: its code, what it means, an example.
nlohmann::ordered_json explanation_of(const http::ProblemType& type);

nlohmann::ordered_json document(const About& about, const std::vector<Path>& paths);

}  // namespace jangbu::openapi
