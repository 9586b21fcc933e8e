#include "api/pages/pages.hpp"

#include <cstdint>
#include <fstream>
#include <system_error>
#include <utility>

#include "infra/json.hpp"

namespace jangbu {

namespace {

// "https://id.example" of "https://id.example/realms/shop".
std::string_view origin_of(std::string_view url) {
  return url.substr(0, url.find('/', url.find("://") + 3));
}

}  // namespace

std::string to_script(const std::vector<Neighbour>& neighbours) {
  Json list = Json::array();
  for (const Neighbour& neighbour : neighbours)
    list.push_back(Json{{"name", neighbour.name}, {"origin", neighbour.origin}});
  return std::move(list).text();
}

std::string to_script(const std::vector<std::vector<Neighbour>>& instances) {
  Json list = Json::array();
  for (const auto& services : instances) list.push_back(Json::raw(to_script(services)));
  return std::move(list).text();
}

std::string to_script(const std::vector<Login>& logins) {
  Json list = Json::array();
  for (const Login& login : logins)
    list.push_back(Json{{"name", login.name},
                        {"issuer", login.issuer},
                        {"clientId", login.client},
                        {"audience", login.audience}});
  return std::move(list).text();
}

std::string to_script(const PageAccess& access) {
  Json operations = Json::object();
  for (const auto& [operation, names] : access.operations) {
    Json roles = Json::array();
    for (const std::string& role : names) roles.push_back(role);
    operations.add(operation, roles);
  }
  return Json{{"on", access.on},
              {"logins", Json::raw(to_script(access.logins))},
              {"operations", operations}}
      .text();
}

// A style sheet may contain pictures: `data:`.
StaticContent::Headers page_headers(const std::vector<Neighbour>& neighbours,
                                    const std::vector<Login>& logins, std::string_view style) {
  std::string policy =
      "default-src 'none'; script-src 'self'; worker-src 'self'; img-src 'self' data:; base-uri "
      "'none'; "
      "form-action 'none'; frame-ancestors 'none'; style-src 'self'";
  if (!style.empty()) policy.append(" ").append(style);
  policy.append("; connect-src 'self'");
  for (const Neighbour& neighbour : neighbours) policy.append(" ").append(neighbour.origin);
  for (const Login& login : logins) policy.append(" ").append(origin_of(login.issuer));
  return {{"Content-Security-Policy", policy},
          {"X-Content-Type-Options", "nosniff"},
          {"Referrer-Policy", "no-referrer"}};
}

std::optional<std::string> read_file(const std::filesystem::path& file) {
  constexpr std::uintmax_t largest = 16 * 1024 * 1024;  // ten times Swagger UI's largest file
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error)) return std::nullopt;
  const auto size = std::filesystem::file_size(file, error);
  if (error || size == 0 || size > largest) return std::nullopt;
  std::ifstream in(file, std::ios::binary);
  std::string bytes(size, '\0');
  if (!in.read(bytes.data(), static_cast<std::streamsize>(size))) return std::nullopt;
  return bytes;
}

}  // namespace jangbu
