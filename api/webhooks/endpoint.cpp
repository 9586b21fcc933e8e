#include "api/webhooks/endpoint.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "api/webhooks/signature.hpp"
#include "infra/handle.hpp"
#include "infra/text.hpp"

namespace jangbu::webhook {

namespace {

constexpr std::size_t longest_url = 2'000;
constexpr std::size_t longest_secret_file = 4'096;
constexpr std::size_t longest_shown_segment = 15;  // of a path: words, not tokens

// libcurl's parser judges the URL, since it is libcurl that will call it.
void check_url(const TableReader& reader, const std::string& text, bool allow_private) {
  using Url = Handle<CURLU, curl_url_cleanup>;
  const Url url(curl_url());
  const bool is_url =
      text.size() <= longest_url &&
      std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; }) &&
      curl_url_set(url.get(), CURLUPART_URL, text.c_str(), CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK;
  if (!is_url)
    reader.fail("url is not one of up to " + std::to_string(longest_url) +
                " characters, such as https://shop.example/hooks");
  char* found = nullptr;
  curl_url_get(url.get(), CURLUPART_SCHEME, &found, 0);
  const std::string scheme = Handle<char, curl_free>(found).get();
  constexpr std::string_view separator = "://";
  if (scheme == "http" && !allow_private)
    reader.fail(
        "url must begin with https://; http:// is for receivers in your own network, with "
        "allow_private = true");
  if (scheme != "https" && scheme != "http") reader.fail("url must begin with https://");
  std::string_view rest = std::string_view(text).substr(scheme.size());
  const bool is_absolute = rest.starts_with(separator);
  if (is_absolute) rest.remove_prefix(separator.size());
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  if (!is_absolute || authority.empty()) reader.fail("url names no host");
  if (authority.find('@') != authority.npos)
    reader.fail(
        "url must not have a user or password: the receiver knows us by the signature "
        "(webhook-signature)");
  if (curl_url_get(url.get(), CURLUPART_PORT, &found, 0) == CURLUE_OK &&
      Handle<char, curl_free>(found).get() == std::string_view("0"))
    reader.fail("url must not have the port 0");
  if (text.find('#') != text.npos) reader.fail("url must not have a fragment (#...)");
}

std::vector<std::string> read_secrets(const TableReader& reader) {
  if (reader.has("secret_file") == reader.has("secret_env"))
    reader.fail(
        "give either secret_file, the path of a file with a secret on each line, or "
        "secret_env, the name of a variable in the environment with secrets, separated by "
        "spaces");
  std::string from, text;
  if (reader.has("secret_file")) {
    from = "secret_file";
    text = reader.read_file(from, longest_secret_file, Privacy::owner_alone);
  } else {
    from = "secret_env";
    const std::string variable = reader.text(from);
    const char* value = std::getenv(variable.c_str());
    if (!value) reader.fail("secret_env names " + visible(variable) + ", which is not set");
    text = value;
  }
  std::vector<std::string> secrets;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    auto secret = parse_secret(word);
    if (!secret)
      reader.fail("what " + from + " names has something else than secrets: whsec_ and base64 of " +
                  std::to_string(shortest_secret) + " to " + std::to_string(longest_secret) +
                  " random bytes, such as this makes: echo \"whsec_$(openssl rand -base64 32)\"");
    secrets.push_back(std::move(*secret));
  }
  if (secrets.empty())
    reader.fail("what " + from +
                " names has no secret; this makes one: echo \"whsec_$(openssl "
                "rand -base64 32)\"");
  return secrets;
}

std::vector<std::string> read_types(const TableReader& reader,
                                    std::span<const std::string_view> public_types) {
  const auto& types = reader.list("types");
  const bool is_empty = types.empty() || (types.size() == 1 && types.front().empty());
  if (reader.has("types") && is_empty)
    reader.fail("types is empty: leave it out for all public events");
  for (const std::string& type : types)
    if (std::ranges::find(public_types, type) == public_types.end())
      reader.fail("types has " + visible(type) + ", which no public event has; there are " +
                  joined(public_types));
  std::vector<std::string> once = types;
  std::ranges::sort(once);
  once.erase(std::unique(once.begin(), once.end()), once.end());
  return once;
}

}  // namespace

Endpoint read_endpoint(const SettingsTable& table, std::span<const std::string_view> public_types) {
  static constexpr std::string_view known[] = {"url",        "types",         "secret_file",
                                               "secret_env", "allow_private", "ca_file"};
  const TableReader reader("webhooks", table, known);
  Endpoint endpoint{.name = table.name, .url = reader.text("url")};
  endpoint.allow_private = reader.flag("allow_private");
  check_url(reader, endpoint.url, endpoint.allow_private);
  endpoint.types = read_types(reader, public_types);
  endpoint.secrets = read_secrets(reader);
  endpoint.authorities = reader.authorities();
  return endpoint;
}

std::string shown_url(std::string_view url) {
  const auto query = std::min(url.find('?'), url.size());
  std::string shown;
  const auto authority = url.find("://");
  const auto path = url.find('/', authority == url.npos ? 0 : authority + 3);
  shown.append(url.substr(0, std::min(path, query)));
  for (auto at = path; at < query;) {
    const auto end = std::min(url.find('/', at + 1), query);
    const std::string_view segment = url.substr(at + 1, end - at - 1);
    shown.append("/").append(segment.size() > longest_shown_segment ? "***" : segment);
    at = end;
  }
  for (auto at = query; at < url.size();) {
    const auto end = std::min(url.find('&', at + 1), url.size());
    const std::string_view part = url.substr(at, end - at);
    const auto equals = part.find('=');
    shown.append(part.substr(0, equals == part.npos ? 1 : equals + 1)).append("***");
    at = end;
  }
  return shown;
}

}  // namespace jangbu::webhook
