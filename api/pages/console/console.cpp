#include "api/pages/console/console.hpp"

#include <algorithm>
#include <iterator>
#include <stdexcept>

#include "api/http/negotiation.hpp"
#include "api/openapi/document.hpp"
#include "console_files.hpp"
#include "infra/log.hpp"

namespace jangbu {

namespace {

using Headers = StaticContent::Headers;

constexpr std::string_view languages[] = {"en", "ko"};  // the first is the default

// Files of the package: the name there, and here.
constexpr std::pair<std::string_view, std::string_view> uplot_files[] = {
    {"dist/uPlot.esm.js", "uplot.js"}, {"dist/uPlot.min.css", "uplot.css"}};

// index.html with every `{lang}` replaced by the language.
std::string page_in(std::string_view language) {
  constexpr std::string_view mark = "{lang}";
  std::string page(console::index_html);
  for (std::size_t at = 0; (at = page.find(mark, at)) != page.npos; at += language.size())
    page.replace(at, mark.size(), language);
  return page;
}

std::string_view language_of(const http::Request& request) {
  const auto asked = std::ranges::find(languages, request.query_value("lang").value_or(""));
  if (asked != std::end(languages)) return *asked;
  return http::preferred_language(request.header("Accept-Language").value_or(""), languages);
}

}  // namespace

std::string_view content_type_of(std::string_view file_name) {
  for (const auto& [ending, type] : {std::pair{".css", css_type},
                                     {".js", javascript_type},
                                     {".html", html_type},
                                     {".svg", std::string_view("image/svg+xml")},
                                     {".png", std::string_view("image/png")}})
    if (file_name.ends_with(ending)) return type;
  throw std::logic_error("no Content-Type is known for " + std::string(file_name));
}

std::filesystem::path Console::default_uplot() {
  return JANGBU_UPLOT;
}

Console::Console(const std::filesystem::path& uplot,
                 const std::vector<std::vector<Neighbour>>& instances, const PageAccess& access) {
  std::vector<Neighbour> neighbours;
  for (const auto& services : instances)
    neighbours.insert(neighbours.end(), services.begin(), services.end());
  const Headers headers = page_headers(neighbours, access.logins);
  for (const std::string_view language : languages) {
    Headers of_page = headers;
    of_page.emplace_back("Content-Language", language);
    of_page.emplace_back("Vary", "Accept, Accept-Language");
    pages_.emplace_back(language,
                        StaticContent(page_in(language), std::string(html_type), of_page));
  }
  const auto add = [&](std::string_view name, std::string bytes) {
    files_.emplace_back(
        name, StaticContent(std::move(bytes), std::string(content_type_of(name)), headers));
  };
  for (const auto& [name, bytes] : console::all)
    if (name != "index.html") add(name, std::string(bytes));
  add("services.js", "export const services = " + to_script(instances) + ";\n");
  add("access.js", "export const access = " + to_script(access) + ";\n");
  add("schemas.js", "export const schemas = " + openapi::schemas() + ";\n");
  for (const auto& [name_there, name] : uplot_files) {
    if (auto bytes = read_file(uplot / name_there))
      add(name, std::move(*bytes));
    else
      log::warn(
          "the console has no charts: {} cannot be read. infra/install fetches it; --uplot names "
          "the folder of its package",
          (uplot / name_there).string());
  }
}

std::optional<http::Response> Console::page_for(const http::Request& request) const {
  if (!http::prefers_html(request.header("Accept").value_or(""))) return std::nullopt;
  const auto page = std::ranges::find(pages_, language_of(request),
                                      [](const auto& entry) { return entry.first; });
  return page->second.respond(request);
}

void Console::add_to(http::Router& router) const {
  for (const auto& [name, content] : files_)
    router.add(http::Method::get, "/console/" + name, serve(content));
}

}  // namespace jangbu
