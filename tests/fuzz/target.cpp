// Request targets: decoding, and the route they lead to.
#include <algorithm>

#include "api/http/problem_types.hpp"
#include "api/http/router.hpp"
#include "api/http/uri.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace jangbu;
using namespace jangbu::http;

namespace {

Router shop_like_router() {
  const Handler handler = [](Request&&, const Exchange&) {};
  Router router;
  router.add(Method::get, "/", handler)
      .add(Method::get, "/a", handler)
      .add(Method::post, "/a", handler)
      .add(Method::get, "/a/{id}", handler)
      .add(Method::get, "/a/search", handler)
      .add(Method::delete_, "/a/{id}", handler)
      .add(Method::get, "/a/{id}/{part}", handler)
      .add(Method::get, "/{kind}/b/{part}", handler)
      .add(Method::put, "/a/{id}/b", handler)
      .add(Method::post, "/a:import", handler)
      .add(Method::get, "/b/", handler)
      .add(Method::get, "/길", handler);
  return router;
}

// Every byte is encoded, so that decoding has to undo all of it.
std::string encoded(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<std::uint8_t>(c);
    out.append(1, '%').append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
  }
  return out;
}

void check_text(std::string_view text) {
  invariant(fuzz::is_utf8(text), "what is decoded is UTF-8");
  invariant(text.find('\0') == text.npos, "what is decoded has no U+0000");
}

void check_path(const std::vector<std::string>& segments) {
  std::string path;
  for (const std::string& segment : segments) {
    check_text(segment);
    path.append("/").append(encoded(segment));
  }
  if (path.empty()) path = "/";
  invariant(path_segments(path) == segments, "segments that are encoded again decode to the same");
}

void check_query(const Query& pairs) {
  std::string query;
  for (const auto& [name, value] : pairs) {
    check_text(name);
    check_text(value);
    query.append("&").append(encoded(name)).append("=").append(encoded(value));
  }
  invariant(query_pairs(query) == pairs, "pairs that are encoded again decode to the same");
}

// Where a pattern has parameters, if it fits the path.
std::optional<std::vector<bool>> parameters_of(const std::string& pattern,
                                               const std::vector<std::string>& path) {
  const auto parts = path_segments(pattern).value();
  if (parts.size() != path.size()) return std::nullopt;
  std::vector<bool> is_parameter;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    is_parameter.push_back(parts[i].starts_with('{'));
    if (is_parameter[i] ? path[i].empty() : parts[i] != path[i]) return std::nullopt;
  }
  return is_parameter;
}

void check_route(const Router& router, const std::vector<std::string>& path, Method method) {
  Request request;
  request.method = method;
  request.segments = path;
  const Route* found = router.find(request);

  const Method served = method == Method::head ? Method::get : method;
  const Route* best = nullptr;
  std::vector<bool> best_parameters;
  bool anything_there = false;
  for (const Route& route : router.routes()) {
    const auto parameters = parameters_of(route.pattern, path);
    anything_there = anything_there || parameters;
    if (!parameters || route.method != served) continue;
    if (best && !(*parameters < best_parameters)) continue;
    best = &route;
    best_parameters = *parameters;
  }
  invariant(found == best, "the route is the one with literals furthest to the left");
  for (const auto& [name, index] : request.parameters)
    invariant(request.param(name) == path[index] && !path[index].empty(), "a parameter is given");
  if (found) return;
  const Response response = router.without_route(request);
  const int expected = !anything_there ? 404 : method == Method::options ? 204 : 405;
  invariant(response.status == expected, "without a route: 404, 405, or 204 for OPTIONS");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Router router = shop_like_router();
  const std::string target = "/" + std::string(fuzz::text_of(data, size));
  const std::size_t mark = std::min(target.find('?'), target.size());
  if (const auto pairs = query_pairs(std::string_view(target).substr(mark))) check_query(*pairs);
  const auto segments = path_segments(std::string_view(target).substr(0, mark));
  if (!segments) return 0;
  check_path(*segments);
  for (const Method method : {Method::get, Method::post, Method::put, Method::patch,
                              Method::delete_, Method::head, Method::options})
    check_route(router, *segments, method);
  return 0;
}
