#include "api/pages.hpp"

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

namespace jangbu {

std::string to_script(const std::vector<Neighbour>& neighbours) {
  nlohmann::json list = nlohmann::json::array();
  for (const Neighbour& neighbour : neighbours)
    list.push_back({{"name", neighbour.name}, {"origin", neighbour.origin}});
  return list.dump();
}

// Pictures may stand in a style sheet: `data:`.
StaticContent::Headers page_headers(const std::vector<Neighbour>& neighbours,
                                    std::string_view style) {
  std::string policy =
      "default-src 'none'; script-src 'self'; worker-src 'self'; img-src 'self' data:; base-uri 'none'; "
      "form-action 'none'; frame-ancestors 'none'; style-src 'self'";
  if (!style.empty()) policy.append(" ").append(style);
  policy.append("; connect-src 'self'");
  for (const Neighbour& neighbour : neighbours) policy.append(" ").append(neighbour.origin);
  return {{"Content-Security-Policy", policy},
          {"X-Content-Type-Options", "nosniff"},
          {"Referrer-Policy", "no-referrer"}};
}

std::optional<std::string> read_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (!in || bytes.empty()) return std::nullopt;
  return bytes;
}

}  // namespace jangbu
