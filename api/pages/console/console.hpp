// The console: the page at `/` of the operations service, on which people watch the shop live, in
// Korean and in English. Its files (page/) are part of the program; the library that draws its
// charts comes from the npm package uplot and is read once. All of it is served from memory;
// nothing is fetched from anywhere else.
//
// Threads: made by one thread; then only read.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/http/router.hpp"
#include "api/pages/pages.hpp"
#include "api/pages/static_content.hpp"

namespace jangbu {

class Console {
 public:
  // Where infra/install puts the package uplot.
  static std::filesystem::path default_uplot();

  // Reads the package's files. Without them the page has no charts and says so, and so does the
  // log. Three scripts of the page are generated here: `services.js` says where the services of
  // each instance are, ours first, `schemas.js` what requests may contain, `access.js` how people
  // log in and what which role may, so that the page repeats no limit and no rule.
  Console(const std::filesystem::path& uplot, const std::vector<std::vector<Neighbour>>& instances,
          const PageAccess& access);

  // The page, in the language that its `lang` names or else the one that the request prefers;
  // nullopt if the request does not ask for HTML.
  std::optional<http::Response> page_for(const http::Request& request) const;

  // Adds what the page loads: `/console/…`.
  void add_to(http::Router& router) const;

 private:
  std::vector<std::pair<std::string_view, StaticContent>> pages_;  // by language
  std::vector<std::pair<std::string, StaticContent>> files_;       // by name
};

// The Content-Type of a file with that name. REQUIRES: a kind of file that the page may have
// (std::logic_error).
std::string_view content_type_of(std::string_view file_name);

}  // namespace jangbu
