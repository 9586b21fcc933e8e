#include "api/swagger_ui/swagger_ui.hpp"

#include <spdlog/spdlog.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>

#include "api/http/problem_types.hpp"
#include "swagger_ui_files.hpp"

namespace jangbu {

namespace {

using Headers = StaticContent::Headers;

struct PackageFile {
  std::string_view name;
  std::string_view content_type;
};

constexpr PackageFile package_files[] = {
    {"swagger-ui.css", "text/css; charset=utf-8"},
    {"swagger-ui-bundle.js", "text/javascript; charset=utf-8"},
    {"swagger-ui-standalone-preset.js", "text/javascript; charset=utf-8"},
    {"favicon-32x32.png", "image/png"},
};

std::optional<std::string> read(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (!in || bytes.empty()) return std::nullopt;
  return bytes;
}

// The package has one style in its script, that of its logo. In another version it may have
// another, and the logo has no colours then.
constexpr std::string_view logo_style = "'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='";

// Scripts, styles and pictures of ours alone, requests to us and our neighbours alone. The package
// has pictures in its style sheet.
Headers headers_allowing(const std::vector<SwaggerUi::Neighbour>& neighbours) {
  std::string policy =
      "default-src 'none'; script-src 'self'; img-src 'self' data:; base-uri 'none'; "
      "form-action 'none'; frame-ancestors 'none'";
  policy.append("; style-src 'self' ").append(logo_style);
  policy.append("; connect-src 'self'");
  for (const auto& neighbour : neighbours) policy.append(" ").append(neighbour.origin);
  return {{"Content-Security-Policy", policy},
          {"X-Content-Type-Options", "nosniff"},
          {"Referrer-Policy", "no-referrer"}};
}

std::string initializer(const std::vector<SwaggerUi::Neighbour>& neighbours) {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& neighbour : neighbours)
    list.push_back({{"name", neighbour.name}, {"origin", neighbour.origin}});
  return "const neighbours = " + list.dump() + ";\n" + std::string(text::initializer_js);
}

void to_the_page(http::Request&&, const http::Exchange& exchange) {
  exchange.respond({.status = 308, .headers = {{"Location", "/swagger-ui/"}}});
}

}  // namespace

std::filesystem::path SwaggerUi::default_folder() {
  return JANGBU_SWAGGER_UI;
}

SwaggerUi::SwaggerUi(const std::filesystem::path& folder,
                     const std::vector<Neighbour>& neighbours) {
  const Headers headers = headers_allowing(neighbours);
  for (const PackageFile& file : package_files) {
    auto bytes = read(folder / file.name);
    if (!bytes) {
      spdlog::warn(
          "there is no Swagger UI: {} cannot be read. infra/install fetches it; "
          "--swagger-ui names its folder",
          (folder / file.name).string());
      files_.clear();
      return;
    }
    files_.emplace_back(file.name,
                        StaticContent(std::move(*bytes), std::string(file.content_type), headers));
  }
  files_.emplace_back("initializer.js", StaticContent(initializer(neighbours),
                                                      "text/javascript; charset=utf-8", headers));
  files_.emplace_back(
      "", StaticContent(std::string(text::index_html), "text/html; charset=utf-8", headers));
}

void SwaggerUi::add_to(http::Router& router) const {
  using http::Method;
  router.add(Method::get, "/swagger-ui", to_the_page);
  if (files_.empty()) {
    router.add(Method::get, "/swagger-ui/", [](http::Request&&, const http::Exchange& exchange) {
      exchange.respond({.status = 404,
                        .content_type = "text/html; charset=utf-8",
                        .body = std::string(text::absent_html),
                        .headers = headers_allowing({})});
    });
    return;
  }
  for (const auto& [name, content] : files_)
    router.add(Method::get, "/swagger-ui/" + std::string(name), serve(content));
}

}  // namespace jangbu
