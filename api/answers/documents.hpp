// Answers that show something: JSON with the position at which it is true and, for a single
// resource, its tag.
//
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "api/http/message.hpp"
#include "events/values.hpp"
#include "infra/json.hpp"
#include "projections/views/shop.hpp"

namespace jangbu {

// Adds to the answer the position at which it is true.
http::Response with_position(http::Response response, Position position);

http::Response ok(const Json& json, Position position);
http::Response ok(const Json& json, Position position, std::string_view tag);

// The answer, or 304 if the client has it already: If-None-Match names its ETag.
http::Response unless_known(http::Response response, const http::Headers& request);

// The current state of this process, which must not be cached.
http::Response of_now(int status, const Json& json);

// How the answer to a command shows the resource that the command was about.
struct Document {
  Json json;
  std::string id;
  std::string tag;
};
struct Resource {
  std::string_view path;  // "/accounts/", to be followed by the id
  Document (*of)(const EntityView&);
  http::ProblemType not_found;
  bool tag_names_stock = false;  // after the version
};

extern const Resource account_resource;
extern const Resource product_resource;
extern const Resource past_product_resource;  // without the stock, which its events do not record
extern const Resource purchase_resource;
extern const Resource delivery_resource;

}  // namespace jangbu
