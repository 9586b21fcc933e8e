// One line of JSON per request, if enabled: docs/operations.md lists the fields. A line has the
// route's pattern, but neither path nor query, since they may hold names of people.
//
// Threads: any. A worker never waits for the file: a separate thread writes to it. Lines that come
// faster than the file can take, or that cannot be written, are dropped and counted.
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
  ~AccessLog();  // writes the pending lines
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  // The callback for a service's server; the log must outlive it.
  http::OnAccess of_service(std::string_view service);

  std::size_t dropped() const;  // lines

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// The line, without a line break.
std::string access_line(std::string_view service, const http::Access& access, std::string_view at);

}  // namespace jangbu
