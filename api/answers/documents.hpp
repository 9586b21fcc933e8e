// Answers that show something: JSON with the position at which it is true and, of a single thing,
// its tag.
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

// The answer, with the position at which it is true.
http::Response with_position(http::Response response, Position position);

http::Response ok(const Json& json, Position position);
http::Response ok(const Json& json, Position position, std::string_view tag);

// 304 in its place, when the client has it already: If-None-Match names its ETag.
http::Response unless_known(http::Response response, const http::Headers& request);

// What this process is like just now, which nobody is to keep.
http::Response of_now(int status, const Json& json);

// How the answer to a command shows what the command was about.
struct Document {
  Json json;
  std::string id;
  std::string tag;
};
struct Resource {
  std::string_view path;  // "/accounts/", its id follows
  Document (*of)(const EntityView&);
  http::ProblemType not_found;
  bool tag_names_stock = false;  // behind the version
};

extern const Resource account_resource;
extern const Resource product_resource;
extern const Resource past_product_resource;  // without the stock, which its events do not tell
extern const Resource purchase_resource;
extern const Resource delivery_resource;

}  // namespace jangbu
