// Swagger UI at `/swagger-ui/`: a page on which people read a service's OpenAPI document and try
// out its operations. Its files come from the npm package swagger-ui-dist, are read once and served
// from memory; nothing is fetched from anywhere else.
//
// Threads: made by one thread; then only read.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/http/router.hpp"
#include "api/pages/pages.hpp"
#include "api/pages/static_content.hpp"

namespace jangbu {

class SwaggerUi {
 public:
  // Where infra/install puts the package.
  static std::filesystem::path default_folder();

  // Reads the package's files. If they cannot be read, the page says so, and so does the log. The
  // page also offers the documents of the neighbours. People log in at the first of the providers;
  // Swagger UI knows one client.
  SwaggerUi(const std::filesystem::path& folder, const std::vector<Neighbour>& neighbours,
            const std::vector<Login>& logins);

  // Adds `/swagger-ui/`, which shows `/openapi.json`, and the files it needs.
  void add_to(http::Router& router) const;

 private:
  std::vector<std::pair<std::string_view, StaticContent>> files_;  // "" is the page; empty: none
};

}  // namespace jangbu
