#include "api/http/cors.hpp"

#include <algorithm>

#include "api/http/ascii.hpp"
#include "api/http/hosts.hpp"

namespace jangbu::http {

namespace {

// How long a browser may remember the answer to OPTIONS, in seconds.
constexpr std::string_view preflight_lifetime_s = "600";

// Whether an origin such as "https://shop.example" is what was called. If we do not speak TLS
// ourselves either scheme will do, since a proxy may have terminated it.
bool is_origin_of(std::string_view origin, std::string_view host, bool tls) {
  if (tls && !origin.starts_with("https://")) return false;
  for (const auto& [scheme, default_port] :
       {std::pair("http://", "80"), std::pair("https://", "443")}) {
    if (!origin.starts_with(scheme)) continue;
    auto page = parse_authority(origin.substr(std::string_view(scheme).size()));
    auto called = parse_authority(host);
    if (!page || !called) return false;
    for (Authority* authority : {&*page, &*called})
      if (authority->port.empty()) authority->port = default_port;
    return page->host == called->host && page->port == called->port;
  }
  return false;
}

}  // namespace

Cors::Cors(const Options& options) : request_headers_(options.request_headers), tls_(options.tls) {
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

bool Cors::is_foreign(const Headers& request, std::string_view host) const {
  bool says_origin = false;
  bool same_site = true;
  for (std::size_t i = 0; i < request.size(); ++i) {
    const auto& [name, value] = request[i];
    if (equal_ignoring_case(name, "Origin")) {
      says_origin = true;
      if (!allows(value) && !is_origin_of(value, host, tls_)) return true;  // "null", too
    } else if (equal_ignoring_case(name, "Sec-Fetch-Site")) {
      // "none": a person did it, with a bookmark or the address bar. "same-site": another port.
      same_site = same_site && (value == "same-origin" || value == "none");
    }
  }
  return !says_origin && !same_site;
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
