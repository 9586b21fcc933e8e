#include "api/pages/static_content.hpp"

#include <span>

#include "api/http/entity_tags.hpp"
#include "infra/base64.hpp"
#include "infra/sha256.hpp"

namespace jangbu {

namespace {

// A strong ETag: the same for the same bytes, whichever process serves them.
std::string etag_of(std::string_view bytes) {
  constexpr std::size_t used = 16;  // bytes of the digest: enough to rule out collisions
  const Sha256 digest = sha256({bytes});
  return '"' + to_hex(std::span(digest).first(used)) + '"';
}

}  // namespace

StaticContent::StaticContent(std::string bytes, std::string content_type, Headers headers)
    : bytes_(std::make_shared<const std::string>(std::move(bytes))),
      content_type_(std::move(content_type)),
      etag_(etag_of(*bytes_)),
      headers_(std::move(headers)) {
  headers_.emplace_back("ETag", etag_);
  headers_.emplace_back("Cache-Control", "no-cache");  // cache it, but revalidate each time
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
