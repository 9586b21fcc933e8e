// Problems (RFC 9457) as values.
//
// Threads: plain values.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "api/http/message.hpp"
#include "infra/json.hpp"

namespace jangbu {

// Why a request is not carried out. It becomes a response where the request is answered; code deep
// inside the reading of a request throws it.
struct Problem {
  http::ProblemType type;
  std::string detail;
  Json fields = Json::object();  // besides those that every problem has
  int retry_after_s = 0;         // 0: not sent
  std::vector<std::pair<std::string, std::string>> headers = {};

  operator http::Response() const;
};

}  // namespace jangbu
