#include "api/pages/swagger_ui/swagger_ui.hpp"

#include <optional>

#include "infra/log.hpp"
#include "swagger_ui_files.hpp"

namespace jangbu {

namespace {

struct PackageFile {
  std::string_view name;
  std::string_view content_type;
};

constexpr PackageFile package_files[] = {
    {"swagger-ui.css", css_type},
    {"swagger-ui-bundle.js", javascript_type},
    {"swagger-ui-standalone-preset.js", javascript_type},
    {"favicon-32x32.png", "image/png"},
    {"oauth2-redirect.html", html_type},
    {"oauth2-redirect.js", javascript_type},
};

// The package has one style in its script, that of its logo. Another version may have a different
// one, and its logo then has no colours.
constexpr std::string_view logo_style = "'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='";

std::string initializer(const std::vector<Neighbour>& neighbours,
                        const std::vector<Login>& logins) {
  return "const neighbours = " + to_script(neighbours) + ";\nconst logins = " + to_script(logins) +
         ";\n" + std::string(text::initializer_js);
}

void to_the_page(http::Request&&, const http::Exchange& exchange) {
  exchange.respond({.status = 308, .headers = {{"Location", "/swagger-ui/"}}});
}

}  // namespace

std::filesystem::path SwaggerUi::default_folder() {
  return JANGBU_SWAGGER_UI;
}

SwaggerUi::SwaggerUi(const std::filesystem::path& folder, const std::vector<Neighbour>& neighbours,
                     const std::vector<Login>& logins) {
  const StaticContent::Headers headers = page_headers(neighbours, logins, logo_style);
  for (const PackageFile& file : package_files) {
    auto bytes = read_file(folder / file.name);
    if (!bytes) {
      log::warn(
          "there is no Swagger UI: {} cannot be read. infra/install fetches it; "
          "--swagger-ui names its folder",
          (folder / file.name).string());
      files_.clear();
      return;
    }
    files_.emplace_back(file.name,
                        StaticContent(std::move(*bytes), std::string(file.content_type), headers));
  }
  files_.emplace_back("initializer.js", StaticContent(initializer(neighbours, logins),
                                                      std::string(javascript_type), headers));
  files_.emplace_back(
      "", StaticContent(std::string(text::index_html), std::string(html_type), headers));
}

void SwaggerUi::add_to(http::Router& router) const {
  using http::Method;
  router.add(Method::get, "/swagger-ui", to_the_page);
  if (files_.empty()) {
    router.add(Method::get, "/swagger-ui/", [](http::Request&&, const http::Exchange& exchange) {
      exchange.respond({.status = 404,
                        .content_type = std::string(html_type),
                        .body = std::string(text::absent_html),
                        .headers = page_headers({})});
    });
    return;
  }
  for (const auto& [name, content] : files_)
    router.add(Method::get, "/swagger-ui/" + std::string(name), serve(content));
}

}  // namespace jangbu
