#include "api/access/access_keys.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <set>
#include <span>
#include <stdexcept>
#include <utility>

#include "api/access/limiter.hpp"
#include "infra/base64.hpp"
#include "infra/ids.hpp"
#include "infra/text.hpp"

namespace jangbu::access {

namespace {

constexpr std::string_view key_prefix = "jbk_";
constexpr std::size_t random_bytes = 32;
constexpr std::size_t random_chars = 43;  // of those bytes in base64url
constexpr std::size_t longest_name = 64;
constexpr std::size_t longest_word = 32;  // of a setting or a role

constexpr std::string_view alphanumerics =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

// The name in a key; nothing when it has not the form of one.
std::optional<std::string_view> name_in(std::string_view key) {
  if (!is_access_key(key) || key.size() < key_prefix.size() + 1 + random_chars) return std::nullopt;
  const std::size_t name_end = key.size() - random_chars - 1;
  const std::string_view name = key.substr(key_prefix.size(), name_end - key_prefix.size());
  const std::string_view random = key.substr(name_end + 1);
  const bool has_form =
      key[name_end] == '_' && check_key_name(name).empty() &&
      std::ranges::all_of(random, [](char c) {
        return alphanumerics.find(c) != alphanumerics.npos || c == '-' || c == '_';
      });
  return has_form ? std::optional(name) : std::nullopt;
}

bool is_same(const Sha256& one, const Sha256& other) {
  return ::CRYPTO_memcmp(one.data(), other.data(), one.size()) == 0;
}

// --- The tables ----------------------------------------------------------------------------------

// Reads the settings of one table.
class Reader {
 public:
  explicit Reader(const SettingsTable& table) : table_(table) {}

  AccessKey read() const {
    constexpr std::string_view all[] = {"role", "roles", "carrier", "sha256", "requests_per_second",
                                        "burst"};
    if (const std::string wrong = check_key_name(table_.name); !wrong.empty())
      throw std::runtime_error("[keys." + shown(table_.name) + "]: the name " + wrong);
    for (const auto& [setting, values] : table_.settings)
      if (std::ranges::find(all, setting) == std::end(all))
        fail(shown(setting),
             "there is no such setting; there are role, roles, carrier, sha256, "
             "requests_per_second and burst");
    AccessKey key{
        .name = table_.name, .digest = digest(), .roles = roles(), .carrier = {}, .rate = rate()};
    key.carrier = carrier(key.roles);
    return key;
  }

 private:
  // Whatever stands in the place of a name or a role may be a key in the wrong place.
  static std::string shown(std::string_view text) {
    return text.size() > longest_word || is_access_key(text) ? "..." : visible(text);
  }

  [[noreturn]] void fail(std::string_view setting, const std::string& what) const {
    throw std::runtime_error("[keys." + table_.name + "] " + std::string(setting) + ": " + what);
  }

  // The only value of a setting; nothing when it is not there.
  std::optional<std::string_view> value(std::string_view setting) const {
    const auto found = table_.settings.find(setting);
    if (found == table_.settings.end()) return std::nullopt;
    if (found->second.size() != 1) fail(setting, "must have one value");
    return found->second.front();
  }

  Sha256 digest() const {
    const auto text = value("sha256");
    if (!text) fail("sha256", "is missing; jangbu keys new prints it");
    if (is_access_key(*text))
      fail("sha256",
           "this is a key itself, not its SHA-256. Whoever reads the file can use it now: make a "
           "new one with jangbu keys new");
    Sha256 digest{};
    bool is_hex = text->size() == 2 * digest.size();
    for (std::size_t i = 0; is_hex && i < digest.size(); ++i) {
      const char* two = text->data() + 2 * i;
      is_hex = std::from_chars(two, two + 2, digest[i], 16).ptr == two + 2;
    }
    if (!is_hex) fail("sha256", "must have 64 hexadecimal digits, as jangbu keys new prints them");
    return digest;
  }

  Roles roles() const {
    const auto one = table_.settings.find("role");
    const auto list = table_.settings.find("roles");
    if ((one == table_.settings.end()) == (list == table_.settings.end()))
      fail("role", "give either role or roles, a list");
    value("role");
    Roles roles;
    for (const std::string& word : (one != table_.settings.end() ? one : list)->second) {
      const auto role = parse_role(word);
      if (!role)
        fail(one != table_.settings.end() ? "role" : "roles",
             "there is no role '" + shown(word) + "'; there are " + role_words());
      roles.add(*role);
    }
    if (roles.empty()) fail("roles", "must not be empty");
    return roles;
  }

  std::string carrier(Roles roles) const {
    const auto text = value("carrier");
    if (text && !roles.has(Role::carrier)) fail("carrier", "only the role carrier has a code");
    if (!roles.has(Role::carrier)) return {};
    if (!text) fail("carrier", "is missing: the name that its scans have as their carrier");
    if (text->find_first_of("\"\\") != text->npos)
      fail("carrier", "must not have quotation marks or backslashes");
    try {
      return clean(*text, 1, longest_carrier, TextKind::line);
    } catch (const BadText& bad) {
      fail("carrier", bad.what());
    }
  }

  std::optional<Rate> rate() const {
    const auto per_second = number("requests_per_second");
    const auto burst = number("burst");
    if (!per_second && !burst) return std::nullopt;
    try {
      return checked_rate(per_second, burst, "requests_per_second", "burst");
    } catch (const std::runtime_error& wrong) {
      throw std::runtime_error("[keys." + table_.name + "] " + wrong.what());
    }
  }

  std::optional<double> number(std::string_view setting) const {
    const auto text = value(setting);
    if (!text) return std::nullopt;
    double number = 0;
    const char* end = text->data() + text->size();
    const auto [read, error] = std::from_chars(text->data(), end, number);
    if (error != std::errc() || read != end || !std::isfinite(number))
      fail(setting, "must be a number");
    return number;
  }

  const SettingsTable& table_;
};

// -------------------------------------------------------------------------------------------------

std::shared_ptr<const Principal> principal_of(const AccessKey& key) {
  Principal principal;
  principal.id = principal_id("key", key.name);
  principal.name = "key:" + key.name;
  principal.roles = key.roles;
  principal.carrier = key.carrier;
  return std::make_shared<const Principal>(std::move(principal));
}

// Whether what the one gave is still given by the other.
bool gives_the_same(const AccessKey& one, const AccessKey& other) {
  return one.digest == other.digest && one.roles == other.roles && one.carrier == other.carrier;
}

}  // namespace

std::vector<AccessKey> read_access_keys(const std::vector<SettingsTable>& tables) {
  std::vector<AccessKey> keys;
  std::map<Sha256, std::string> owners;
  std::set<std::string_view> names;
  for (const SettingsTable& table : tables) {
    AccessKey key = Reader(table).read();
    if (!names.insert(table.name).second)
      throw std::runtime_error("[keys." + key.name + "]: there is a table of that name before");
    const auto [first, is_new] = owners.emplace(key.digest, key.name);
    if (!is_new)
      throw std::runtime_error("[keys." + key.name + "] sha256: is that of [keys." + first->second +
                               "], too. Each needs a key of its own");
    keys.push_back(std::move(key));
  }
  return keys;
}

bool is_access_key(std::string_view credential) {
  return credential.starts_with(key_prefix);
}

std::string new_access_key(std::string_view name) {
  std::array<std::uint8_t, random_bytes> random;
  fill_random(random);
  return std::string(key_prefix).append(name).append("_") + to_base64url(chars_of(random));
}

std::string check_key_name(std::string_view name) {
  const bool is_name =
      !name.empty() && name.size() <= longest_name && std::ranges::all_of(name, [](char c) {
        return alphanumerics.find(c) != alphanumerics.npos || c == '-';
      });
  return is_name ? std::string() : "must have 1 to 64 letters, digits and '-'";
}

void AccessKeys::configure(std::vector<AccessKey> keys) {
  const std::lock_guard lock(mutex_);
  auto next = std::make_shared<ByName>();
  for (AccessKey& key : keys) {
    const auto before = keys_->find(key.name);
    std::string name = key.name;
    next->emplace(std::move(name),
                  known(std::move(key), before == keys_->end() ? nullptr : &before->second));
  }
  for (const auto& [name, before] : *keys_) {
    const auto now = next->find(name);
    if (now == next->end() || now->second.withdrawn != before.withdrawn) *before.withdrawn = true;
  }
  keys_ = std::move(next);
}

// Grants of one key that differ in their rate alone are withdrawn together.
AccessKeys::Known AccessKeys::known(AccessKey key, const Known* before) {
  const bool goes_on = before && gives_the_same(before->key, key);
  if (goes_on && before->key.rate == key.rate) return *before;
  Known known{.key = std::move(key),
              .withdrawn = goes_on ? before->withdrawn : std::make_shared<std::atomic<bool>>(false),
              .grant = nullptr};
  known.grant = std::make_shared<const Grant>(
      Grant{.asker = goes_on ? before->grant->asker : principal_of(known.key),
            .until = std::nullopt,
            .rate = known.key.rate,
            .withdrawn = known.withdrawn});
  return known;
}

Credential AccessKeys::check(std::string_view key) const {
  const auto name = name_in(key);
  if (!name)
    return Denied{.reason = "malformed",
                  .detail = "An access key is jbk_, its name, _ and 43 characters."};
  std::shared_ptr<const ByName> keys;
  {
    const std::lock_guard lock(mutex_);
    keys = keys_;
  }
  static const Known nobody{};
  const auto found = keys->find(*name);
  const Known& known = found == keys->end() ? nobody : found->second;
  if (!is_same(sha256({key}), known.key.digest) || !known.grant)
    return Denied{.reason = "unknown-key", .detail = "There is no such access key."};
  return known.grant;
}

}  // namespace jangbu::access
