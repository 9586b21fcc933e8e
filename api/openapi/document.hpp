// OpenAPI 3.1 documents, made from the same table of endpoints that serves the requests.
//
// Threads: pure functions. Errors: std::out_of_range for a name in the table that the .json files
// do not have; it says which name, and in which route.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/http/message.hpp"
#include "api/openapi/operation.hpp"

namespace jangbu::openapi {

struct About {
  std::string_view title;
  std::string_view description;
  // Of the OpenID providers whose tokens are accepted: where they describe themselves.
  std::vector<std::string> discovery_urls = {};
};

// All schemas of requests and answers, by name. JSON.
std::string schemas();

// The names of the query parameters that the operation takes.
std::vector<std::string> query_parameters(const Operation& operation);

// What the documents say of a problem.
struct Explanation {
  std::string description;
  std::string sample;  // an answer, on several lines
  std::string json;    // type, title, status, code, and these two
};
Explanation explanation_of(const http::ProblemType& type);

// JSON.
std::string document(const About& about, const std::vector<Operation>& operations);

}  // namespace jangbu::openapi
