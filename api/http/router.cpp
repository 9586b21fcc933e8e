#include "api/http/router.hpp"

#include <algorithm>
#include <set>
#include <stdexcept>

#include "api/http/problem_types.hpp"
#include "api/http/uri.hpp"

namespace jangbu::http {

bool Router::Pattern::matches(const std::vector<std::string>& path) const {
  if (path.size() != segments.size()) return false;
  for (std::size_t i = 0; i < path.size(); ++i)
    if (is_parameter[i] ? path[i].empty() : path[i] != segments[i]) return false;
  return true;
}

Router& Router::add(Method method, std::string pattern, Handler handler, std::string operation) {
  return add({method, std::move(pattern), std::move(handler), std::move(operation)});
}

Router& Router::add_streaming(Method method, std::string pattern, StreamingHandler handler,
                              std::string operation) {
  return add({method, std::move(pattern), std::move(handler), std::move(operation)});
}

Router& Router::add(Route route) {
  const auto& [method, pattern, handler, operation] = route;
  if (!pattern.starts_with('/')) throw std::logic_error("a route must begin with '/': " + pattern);
  if (method == Method::head) throw std::logic_error("GET answers HEAD: " + pattern);
  Pattern added;
  added.route = routes_.size();
  added.segments = path_segments(pattern).value();
  for (std::string& segment : added.segments) {
    const bool is_parameter = segment.starts_with('{') && segment.ends_with('}');
    added.is_parameter.push_back(is_parameter);
    if (is_parameter) segment = segment.substr(1, segment.size() - 2);
  }

  const auto same_paths = [&](const Pattern& other) {
    if (other.is_parameter != added.is_parameter) return false;
    for (std::size_t i = 0; i < added.segments.size(); ++i)
      if (!added.is_parameter[i] && other.segments[i] != added.segments[i]) return false;
    return true;
  };
  for (const Pattern& other : patterns_)
    if (routes_[other.route].method == route.method && same_paths(other))
      throw std::logic_error("two routes for " + std::string(to_string(method)) + " " + pattern);

  // In lexicographic order, false (a literal) comes before true (a parameter).
  const auto place = std::upper_bound(
      patterns_.begin(), patterns_.end(), added,
      [](const Pattern& a, const Pattern& b) { return a.is_parameter < b.is_parameter; });
  patterns_.insert(place, std::move(added));
  routes_.push_back(std::move(route));
  return *this;
}

Router& Router::allow(Cors cors) {
  cors_ = std::move(cors);
  return *this;
}

Router& Router::answer_to(Hosts hosts) {
  hosts_ = std::move(hosts);
  return *this;
}

const Route* Router::find(Request& request) const {
  const Method method = request.method == Method::head ? Method::get : request.method;
  for (const Pattern& pattern : patterns_) {
    const Route& route = routes_[pattern.route];
    if (route.method != method || !pattern.matches(request.segments)) continue;
    for (std::size_t i = 0; i < pattern.segments.size(); ++i)
      if (pattern.is_parameter[i]) request.parameters.emplace_back(pattern.segments[i], i);
    return &route;
  }
  return nullptr;
}

std::string Router::allowed_methods(const Request& request) const {
  const bool whole_server = request.target == "*";
  std::set<std::string_view> names;
  for (const Pattern& pattern : patterns_) {
    if (!whole_server && !pattern.matches(request.segments)) continue;
    const Method method = routes_[pattern.route].method;
    names.insert(to_string(method));
    if (method == Method::get) names.insert(to_string(Method::head));
  }
  if (names.empty()) return {};
  names.insert(to_string(Method::options));
  std::string list;
  for (const std::string_view name : names) list.append(list.empty() ? "" : ", ").append(name);
  return list;
}

Response Router::without_route(const Request& request) const {
  const std::string allowed = allowed_methods(request);
  if (allowed.empty()) return problem(problems::not_found, "There is nothing at this path.");
  Response response;
  if (request.method == Method::options) {
    response.status = 204;
    if (const auto origin = request.header("Origin"); origin && cors_.allows(*origin))
      response.headers = cors_.preflight(allowed);
  } else {
    response = problem(problems::method_not_allowed, "This path does not support that method.");
  }
  response.headers.emplace_back("Allow", allowed);
  return response;
}

}  // namespace jangbu::http
