// An OpenID provider as the configuration file describes it: whose access tokens are taken, and
// what they may give.
//
//   [issuers.staff]
//   url = "https://id.example/realms/shop"
//   audience = "jangbu"
//   roles = ["clerk", "auditor"]
//
// README.md lists the settings.
//
// Threads: plain values, and functions that read files. Errors: std::runtime_error, which names the
// table and says what to do.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "commands/principal.hpp"
#include "infra/settings_table.hpp"

namespace jangbu::access {

struct Issuer {
  std::string name;
  std::string url;       // `iss` of its tokens, to the letter
  std::string audience;  // that they are for: `aud`
  Roles roles;           // that it may grant
  std::string roles_claim = "roles";
  std::string carrier_claim = "carrier";
  std::vector<std::string> carriers;  // whose codes it may vouch for; empty: any
  bool allow_typ_jwt = false;         // takes tokens of type JWT, or none, that have `access_claim`
  std::string access_claim = "client_id";
  std::string jwks_url;  // empty: discovery says where its keys are
  std::string
      authorities;  // certificates (PEM) to trust when keys are fetched; empty: the system's
  std::string login_client;  // by which people log in on our pages; empty: they cannot

  friend bool operator==(const Issuer&, const Issuer&) = default;
};

// Each issuer is described once.
std::vector<Issuer> read_issuers(std::span<const SettingsTable> tables);

// Where the issuer with this URL describes itself (OpenID Connect Discovery 1.0, section 4).
std::string discovery_url(std::string issuer);

// Whether keys may be fetched from there: over TLS, or from this very machine.
bool may_fetch(const std::string& url);

}  // namespace jangbu::access
