// One line of JSON for each request, if asked for: docs/operations.md lists the fields. It has the
// route's pattern, but not the path and the query, since they may hold names of people.
//
// Threads: any. A worker never waits for the file: a separate thread writes to it. What
// comes faster than the file can take, or cannot be written, is dropped and counted.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "api/http/traffic.hpp"

namespace jangbu {

class AccessLog {
 public:
  // "-" is standard output. Throws std::runtime_error when the file cannot be written.
  explicit AccessLog(const std::string& file);
  ~AccessLog();  // writes what waits
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  // What a service's server calls; the log must outlive it.
  http::OnAccess of_service(std::string_view service);

  std::size_t dropped() const;  // lines

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// The line, without its end.
std::string access_line(std::string_view service, const http::Access& access, std::string_view at);

}  // namespace jangbu
