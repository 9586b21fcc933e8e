// What the pages that we serve have in common: the console and Swagger UI. They load what is ours
// alone, and talk to our own services alone.
//
// Threads: pure functions, but for read_file().
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/pages/static_content.hpp"

namespace jangbu {

// A service that a page may use, or offer; it has to allow that (CORS).
struct Neighbour {
  std::string name;    // "purchase"
  std::string origin;  // "http://127.0.0.1:11003"
};

// As a script reads them: an array in JSON.
std::string to_script(const std::vector<Neighbour>& neighbours);

// The header fields of a page and of all that belongs to it: scripts, styles and pictures of ours
// alone, requests to us and our neighbours alone. `style` is the digest of one style within a
// script that is allowed, too.
StaticContent::Headers page_headers(const std::vector<Neighbour>& neighbours,
                                    std::string_view style = {});

inline constexpr std::string_view css_type = "text/css; charset=utf-8";
inline constexpr std::string_view html_type = "text/html; charset=utf-8";
inline constexpr std::string_view javascript_type = "text/javascript; charset=utf-8";

// The bytes of a file of an npm package. None where there is no such file, or nothing in it.
std::optional<std::string> read_file(const std::filesystem::path& file);

}  // namespace jangbu
