#include "api/webhooks/endpoint.hpp"

#include <curl/curl.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <stdexcept>

#include "api/webhooks/signature.hpp"
#include "infra/descriptor.hpp"
#include "infra/handle.hpp"
#include "infra/text.hpp"

namespace jangbu::webhook {

namespace {

constexpr std::size_t longest_name = 32;
constexpr std::size_t longest_url = 2'000;
constexpr std::size_t longest_secret_file = 4'096;
constexpr std::size_t longest_ca_file = 1'048'576;
constexpr std::size_t longest_shown_segment = 15;  // of a path: words, not tokens

class Reader {
 public:
  explicit Reader(const Table& table) : table_(table) {}

  [[noreturn]] void fail(const std::string& what) const {
    throw std::runtime_error("[webhooks." + visible(table_.name) + "]: " + what);
  }

  bool has(std::string_view setting) const { return table_.settings.contains(setting); }

  const std::vector<std::string>& list(std::string_view setting) const {
    static const std::vector<std::string> none;
    const auto found = table_.settings.find(setting);
    return found == table_.settings.end() ? none : found->second;
  }

  std::string text(std::string_view setting) const {
    const auto& values = list(setting);
    if (values.size() != 1 || values.front().empty())
      fail("give " + std::string(setting) + " once, as a text in double quotes");
    return values.front();
  }

  bool flag(std::string_view setting) const {
    const auto& values = list(setting);
    if (values.empty() || (values.size() == 1 && values.front() == "false")) return false;
    if (values.size() == 1 && values.front() == "true") return true;
    fail(std::string(setting) + " must be true or false");
  }

 private:
  const Table& table_;
};

std::string joined(std::span<const std::string_view> words) {
  std::string text;
  for (const std::string_view word : words) text.append(text.empty() ? "" : ", ").append(word);
  return text;
}

void check_name(const Reader& reader, const std::string& name) {
  const bool is_name =
      !name.empty() && name.size() <= longest_name && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
      });
  if (!is_name)
    reader.fail("the name of a webhook has 1 to " + std::to_string(longest_name) +
                " lower-case letters, digits and '-'");
}

void check_settings(const Reader& reader, const Table& table) {
  static constexpr std::string_view known[] = {"url",        "types",         "secret_file",
                                               "secret_env", "allow_private", "ca_file"};
  for (const auto& [setting, values] : table.settings)
    if (std::ranges::find(known, setting) == std::end(known))
      reader.fail("there is no setting " + visible(setting) + "; there are " + joined(known));
}

// libcurl's parser judges the URL, since it is libcurl that will call it.
void check_url(const Reader& reader, const std::string& text, bool allow_private) {
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

// The text of a file that `setting` names, which must be a plain one: opening a named pipe would
// wait for somebody who writes to it.
std::string read_file(const Reader& reader, const std::string& setting, std::size_t longest,
                      bool is_secret) {
  const std::string name = setting + " " + visible(reader.text(setting));
  const auto why = [] { return std::string(std::strerror(errno)); };
  const Descriptor file(::open(reader.text(setting).c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  struct stat info {};
  if (!file || ::fstat(file.number(), &info) != 0) reader.fail(name + " cannot be read: " + why());
  if (!S_ISREG(info.st_mode)) reader.fail(name + " is not a file");
  if (is_secret && (info.st_mode & 077) != 0)
    reader.fail(name + " can be read by others: chmod 600 it");
  std::string text(longest + 1, '\0');
  std::size_t size = 0;
  for (ssize_t more = 1; more > 0 && size < text.size(); size += static_cast<std::size_t>(more)) {
    more = ::read(file.number(), text.data() + size, text.size() - size);
    if (more < 0) reader.fail(name + " cannot be read: " + why());
  }
  text.resize(size);
  if (size > longest)
    reader.fail(name + " is too long: it has more than " + std::to_string(longest) + " bytes");
  return text;
}

std::vector<std::string> read_secrets(const Reader& reader) {
  if (reader.has("secret_file") == reader.has("secret_env"))
    reader.fail(
        "give either secret_file, the path of a file with a secret on each line, or "
        "secret_env, the name of a variable in the environment with secrets, separated by "
        "spaces");
  std::string from, text;
  if (reader.has("secret_file")) {
    from = "secret_file";
    text = read_file(reader, from, longest_secret_file, true);
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

std::vector<std::string> read_types(const Reader& reader,
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

std::string read_authorities(const Reader& reader) {
  std::string text = read_file(reader, "ca_file", longest_ca_file, false);
  const Handle<BIO, BIO_free> pem(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  if (!Handle<X509, X509_free>(PEM_read_bio_X509(pem.get(), nullptr, nullptr, nullptr)))
    reader.fail("ca_file " + visible(reader.text("ca_file")) + " has no certificate (PEM)");
  return text;
}

}  // namespace

Endpoint read_endpoint(const Table& table, std::span<const std::string_view> public_types) {
  const Reader reader(table);
  check_name(reader, table.name);
  check_settings(reader, table);
  Endpoint endpoint{.name = table.name, .url = reader.text("url")};
  endpoint.allow_private = reader.flag("allow_private");
  check_url(reader, endpoint.url, endpoint.allow_private);
  endpoint.types = read_types(reader, public_types);
  endpoint.secrets = read_secrets(reader);
  if (reader.has("ca_file")) endpoint.authorities = read_authorities(reader);
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
