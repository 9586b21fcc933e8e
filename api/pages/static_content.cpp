#include "api/pages/static_content.hpp"

#include <openssl/sha.h>

#include "api/http/entity_tags.hpp"

namespace jangbu {

namespace {

// A strong ETag: the same for the same bytes, whichever process serves them.
std::string etag_of(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  constexpr std::size_t used = 16;  // of the digest: enough that no two contents meet
  unsigned char digest[SHA256_DIGEST_LENGTH];
  ::SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest);
  std::string tag = "\"";
  for (std::size_t i = 0; i < used; ++i) {
    tag += digits[digest[i] >> 4];
    tag += digits[digest[i] & 15];
  }
  return tag += '"';
}

}  // namespace

StaticContent::StaticContent(std::string bytes, std::string content_type, Headers headers)
    : bytes_(std::make_shared<const std::string>(std::move(bytes))),
      content_type_(std::move(content_type)),
      etag_(etag_of(*bytes_)),
      headers_(std::move(headers)) {
  headers_.emplace_back("ETag", etag_);
  headers_.emplace_back("Cache-Control", "no-cache");  // keep it, and ask whether it still holds
}

http::Response StaticContent::respond(const http::Request& request) const {
  if (http::is_known(request.headers, etag_)) return {.status = 304, .headers = headers_};
  return {.status = 200, .content_type = content_type_, .body = *bytes_, .headers = headers_};
}

http::Handler serve(StaticContent content) {
  return [content = std::move(content)](http::Request&& request, const http::Exchange& exchange) {
    exchange.respond(content.respond(request));
  };
}

}  // namespace jangbu
