// Bytes that stay the same for as long as the process runs, with their header fields.
//
// Threads and ownership: immutable once made; copies share the bytes.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "api/http/router.hpp"

namespace jangbu {

class StaticContent {
 public:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  StaticContent(std::string bytes, std::string content_type, Headers headers = {});

  // The bytes, or 304 when If-None-Match names their ETag (RFC 9110, section 13.1.2).
  http::Response respond(const http::Request& request) const;

 private:
  std::shared_ptr<const std::string> bytes_;
  std::string content_type_;
  std::string etag_;
  Headers headers_;
};

http::Handler serve(StaticContent content);

}  // namespace jangbu
