// What the pages that we serve, the console and Swagger UI, have in common. They load only what is
// ours, and talk only to our own services.
//
// Threads: pure functions, except read_file().
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/pages/static_content.hpp"

namespace jangbu {

// A service that a page may use or offer; the service has to allow that (CORS).
struct Neighbour {
  std::string name;    // "purchase"
  std::string origin;  // "http://127.0.0.1:11003"
};

// As a script reads them: a JSON array.
std::string to_script(const std::vector<Neighbour>& neighbours);

// The header fields of a page and of everything that belongs to it: only our own scripts, styles
// and pictures, and requests only to us and our neighbours. `style` is the digest of one style, set
// by a script, that is allowed as well.
StaticContent::Headers page_headers(const std::vector<Neighbour>& neighbours,
                                    std::string_view style = {});

inline constexpr std::string_view css_type = "text/css; charset=utf-8";
inline constexpr std::string_view html_type = "text/html; charset=utf-8";
inline constexpr std::string_view javascript_type = "text/javascript; charset=utf-8";

// The bytes of a file of an npm package; nullopt if the file is missing, empty or far too large.
std::optional<std::string> read_file(const std::filesystem::path& file);

}  // namespace jangbu
