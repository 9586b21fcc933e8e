#include "api/answers/problem.hpp"

#include <utility>

namespace jangbu {

Problem::operator http::Response() const {
  auto response = http::problem(type, detail);
  Json body = Json::raw(std::move(response.body));
  body.add_all(fields);
  response.body = std::move(body).text();
  response.headers = headers;
  if (retry_after_s > 0)
    response.headers.emplace_back("Retry-After", std::to_string(retry_after_s));
  return response;
}

}  // namespace jangbu
