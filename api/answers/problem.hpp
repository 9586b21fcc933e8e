// Problems (RFC 9457) as values.
//
// Threads: plain values.
#pragma once

#include <string>

#include "api/http/message.hpp"
#include "infra/json.hpp"

namespace jangbu {

// Why a request is not carried out. It is put into words where it is answered; whoever finds it out
// deep within reading a request throws it.
struct Problem {
  http::ProblemType type;
  std::string detail;
  Json fields = Json::object();  // beside those that every problem has
  int retry_after_s = 0;         // 0: not said

  operator http::Response() const;
};

}  // namespace jangbu
