// What the pages that we serve, the console and Swagger UI, have in common. They load only what is
// ours, and talk only to our own services and to those who say who somebody is.
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

// An OpenID provider at which people log in on a page, by authorization code and PKCE (RFC 7636).
struct Login {
  std::string name;      // as people know it: "staff"
  std::string issuer;    // "https://id.example/realms/shop"
  std::string client;    // the id of a public client there: "console"
  std::string audience;  // whom its access tokens are for: "jangbu"
};

struct OperationRoles {
  std::string operation;           // its id: "openAccount"
  std::vector<std::string> roles;  // who may: "buyer", "clerk"
};

// What the pages know of access control. Nothing in it is secret.
struct PageAccess {
  bool on = false;
  std::vector<Login> logins = {};               // none: only a credential pasted there will do
  std::vector<OperationRoles> operations = {};  // nobody may do one that is not here
};

// As a script reads them: JSON.
std::string to_script(const std::vector<Neighbour>& neighbours);
std::string to_script(const std::vector<std::vector<Neighbour>>& instances);
std::string to_script(const std::vector<Login>& logins);
std::string to_script(const PageAccess& access);

// The header fields of a page and of everything that belongs to it: only our own scripts, styles
// and pictures, and requests only to us, our neighbours and the providers. `style` is the digest of
// one style, set by a script, that is allowed as well.
StaticContent::Headers page_headers(const std::vector<Neighbour>& neighbours,
                                    const std::vector<Login>& logins = {},
                                    std::string_view style = {});

inline constexpr std::string_view css_type = "text/css; charset=utf-8";
inline constexpr std::string_view html_type = "text/html; charset=utf-8";
inline constexpr std::string_view javascript_type = "text/javascript; charset=utf-8";

// The bytes of a file of an npm package; nullopt if the file is missing, empty or far too large.
std::optional<std::string> read_file(const std::filesystem::path& file);

}  // namespace jangbu
