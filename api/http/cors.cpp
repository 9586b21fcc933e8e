#include "api/http/cors.hpp"

#include <algorithm>

namespace jangbu::http {

namespace {

// How long a browser may remember the answer to OPTIONS, in seconds.
constexpr std::string_view preflight_lifetime_s = "600";

}  // namespace

Cors::Cors(const Options& options) : request_headers_(options.request_headers) {
  if (options.origins.empty()) return;
  // A cache must not give one origin's answer to another.
  fields_of_others_ = "Vary: Origin\r\n";
  for (const std::string& origin : options.origins)
    fields_.emplace_back(origin, "Access-Control-Allow-Origin: " + origin +
                                     "\r\nAccess-Control-Expose-Headers: " +
                                     options.response_headers + "\r\n" + fields_of_others_);
}

bool Cors::allows(std::string_view origin) const {
  return std::ranges::any_of(fields_, [&](const auto& entry) { return entry.first == origin; });
}

std::string_view Cors::fields_for(std::optional<std::string_view> origin) const {
  for (const auto& [allowed, fields] : fields_)
    if (origin == allowed) return fields;
  return fields_of_others_;
}

std::vector<std::pair<std::string, std::string>> Cors::preflight(std::string_view methods) const {
  return {{"Access-Control-Allow-Methods", std::string(methods)},
          {"Access-Control-Allow-Headers", request_headers_},
          {"Access-Control-Max-Age", std::string(preflight_lifetime_s)}};
}

}  // namespace jangbu::http
