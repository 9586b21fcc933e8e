#include "api/access/issuer.hpp"

#include <curl/curl.h>

#include <algorithm>

#include "api/access/grant.hpp"
#include "infra/handle.hpp"
#include "infra/loopback.hpp"
#include "infra/text.hpp"

namespace jangbu::access {

namespace {

constexpr std::string_view issuers_section = "issuers";
constexpr std::string_view issuer_settings[] = {
    "url",           "audience",     "roles",    "roles_claim", "carrier_claim", "carriers",
    "allow_typ_jwt", "access_claim", "jwks_url", "ca_file",     "login_client"};

constexpr std::size_t longest_url = 2'000;
constexpr std::size_t longest_claim_name = 200;

bool is_visible_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

// A part of a URL; empty when it has none.
std::string part_of(CURLU* url, CURLUPart part) {
  char* found = nullptr;
  if (curl_url_get(url, part, &found, 0) != CURLUE_OK) return {};
  return Handle<char, curl_free>(found).get();
}

std::string read_url(const TableReader& reader, std::string_view setting) {
  std::string url = reader.text(setting);
  if (!may_fetch(url))
    reader.fail(std::string(setting) +
                " must begin with https:// (http:// is for an address of this machine, such as "
                "127.0.0.1), and have neither user nor fragment");
  return url;
}

// The setting's text, or its default where it is not given.
void read_word(const TableReader& reader, std::string_view setting, std::string& word) {
  if (!reader.has(setting)) return;
  word = reader.text(setting);
  if (word.size() > longest_claim_name || visible(word) != word)
    reader.fail(std::string(setting) + " must be a text of up to " +
                std::to_string(longest_claim_name) + " bytes on one line");
}

Roles read_roles(const TableReader& reader) {
  Roles roles;
  for (const std::string& word : reader.list("roles")) {
    const auto role = parse_role(word);
    if (!role)
      reader.fail("roles has " + visible(word) + ", which is none; there are " + role_words());
    roles.add(*role);
  }
  if (roles.empty())
    reader.fail("give roles, the list of those that this issuer may grant, such as [\"clerk\"]");
  return roles;
}

std::vector<std::string> read_carriers(const TableReader& reader, Roles roles) {
  if (!reader.has("carriers")) return {};
  if (!roles.has(Role::carrier)) reader.fail("carriers has no meaning without the role carrier");
  std::vector<std::string> codes;
  for (const std::string& code : reader.list("carriers")) try {
      codes.push_back(clean(code, 1, longest_carrier, TextKind::line));
    } catch (const BadText& bad) {
      reader.fail("carriers has a code that " + std::string(bad.what()));
    }
  if (codes.empty())
    reader.fail("give carriers the codes that this issuer may vouch for, or leave it out");
  return codes;
}

Issuer read_issuer(const SettingsTable& table) {
  const TableReader reader(issuers_section, table, issuer_settings);
  Issuer issuer{.name = table.name, .url = read_url(reader, "url")};
  if (issuer.url.find('?') != issuer.url.npos)
    reader.fail("url must not have a query: it is what the tokens' iss says");
  reader.text("audience");  // must be given
  read_word(reader, "audience", issuer.audience);
  issuer.roles = read_roles(reader);
  read_word(reader, "roles_claim", issuer.roles_claim);
  read_word(reader, "carrier_claim", issuer.carrier_claim);
  issuer.carriers = read_carriers(reader, issuer.roles);
  issuer.allow_typ_jwt = reader.flag("allow_typ_jwt");
  if (reader.has("access_claim") && !issuer.allow_typ_jwt)
    reader.fail("access_claim has no meaning without allow_typ_jwt = true");
  read_word(reader, "access_claim", issuer.access_claim);
  if (reader.has("jwks_url")) issuer.jwks_url = read_url(reader, "jwks_url");
  issuer.authorities = reader.authorities();
  read_word(reader, "login_client", issuer.login_client);
  return issuer;
}

}  // namespace

std::vector<Issuer> read_issuers(std::span<const SettingsTable> tables) {
  std::vector<Issuer> issuers;
  for (const SettingsTable& table : tables) {
    Issuer issuer = read_issuer(table);
    const auto same = std::ranges::find(issuers, issuer.url, &Issuer::url);
    if (same != issuers.end())
      TableReader(issuers_section, table, issuer_settings)
          .fail("[issuers." + same->name + "] has the same url: one table describes an issuer");
    issuers.push_back(std::move(issuer));
  }
  return issuers;
}

// The issuer's path is kept, but for its last slash.
std::string discovery_url(std::string issuer) {
  if (issuer.ends_with('/')) issuer.pop_back();
  return issuer + "/.well-known/openid-configuration";
}

// libcurl's parser judges the URL, since it is libcurl that will call it.
bool may_fetch(const std::string& text) {
  const Handle<CURLU, curl_url_cleanup> url(curl_url());
  if (text.size() > longest_url || !is_visible_ascii(text) ||
      text.find_first_of("@#\\") != text.npos ||
      curl_url_set(url.get(), CURLUPART_URL, text.c_str(), CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
    return false;
  const std::string scheme = part_of(url.get(), CURLUPART_SCHEME);
  const std::string host = part_of(url.get(), CURLUPART_HOST);
  // libcurl would also take https:/id.example and such for a URL.
  if (host.empty() || part_of(url.get(), CURLUPART_PORT) == "0" ||
      !text.starts_with(scheme + "://" + host))
    return false;
  return scheme == "https" || (scheme == "http" && is_loopback(host));
}

}  // namespace jangbu::access
