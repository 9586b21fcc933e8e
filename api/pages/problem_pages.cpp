#include "api/pages/problem_pages.hpp"

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "api/answers/problem_types.hpp"
#include "api/http/negotiation.hpp"
#include "api/openapi/document.hpp"
#include "api/pages/pages.hpp"
#include "api/pages/static_content.hpp"

namespace jangbu {

namespace {

struct Explanation {
  StaticContent page;
  StaticContent json;
};

std::string escaped(std::string_view text) {
  std::string html;
  for (const char c : text) {
    if (c == '&')
      html += "&amp;";
    else if (c == '<')
      html += "&lt;";
    else
      html += c;
  }
  return html;
}

std::string page_of(const http::ProblemType& type, const openapi::Explanation& told) {
  const std::string title = escaped(type.title);
  return "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>" + title +
         "</title></head>\n<body>\n<h1>" + title + "</h1>\n<p><code>" + escaped(type.code) +
         "</code>, status " + std::to_string(type.status) + "</p>\n<p>" +
         escaped(told.description) + "</p>\n<p>For example:</p>\n<pre>" + escaped(told.sample) +
         "</pre>\n</body>\n</html>\n";
}

Explanation explanation_of(const http::ProblemType& type) {
  const openapi::Explanation told = openapi::explanation_of(type);
  const StaticContent::Headers vary{{"Vary", "Accept"}};
  StaticContent::Headers of_page = page_headers({});
  of_page.insert(of_page.end(), vary.begin(), vary.end());
  return {StaticContent(page_of(type, told), std::string(html_type), std::move(of_page)),
          StaticContent(told.json, "application/json", vary)};
}

}  // namespace

http::Handler serve_problems() {
  using Explanations = std::map<std::string, Explanation, std::less<>>;
  const auto known = std::make_shared<Explanations>();
  for (const http::ProblemType& type : problems::all)
    known->emplace(type.code, explanation_of(type));
  return [known](http::Request&& request, const http::Exchange& exchange) {
    const auto found = known->find(request.param("code"));
    if (found == known->end())
      return exchange.respond(
          http::problem(problems::not_found,
                        "There is no problem '" + std::string(request.param("code")) + "'."));
    const bool html = http::prefers_html(request.header("Accept").value_or(""));
    const auto& [page, json] = found->second;
    exchange.respond((html ? page : json).respond(request));
  };
}

}  // namespace jangbu
