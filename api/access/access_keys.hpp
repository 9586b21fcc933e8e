// Access keys: what a machine shows to say who it is, in place of a person's token.
//
//   jbk_till-3_Xh3…      "jbk_", its name, "_", and 32 random bytes in base64url
//
// The shop knows only their SHA-256, from a file with a table for each; README.md lists its
// settings:
//
//   [keys.till-3]
//   role = "clerk"
//   sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
//
// Errors: std::runtime_error, which names table and setting and never repeats a key.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/access/grant.hpp"
#include "infra/settings_table.hpp"
#include "infra/sha256.hpp"

namespace jangbu::access {

struct AccessKey {
  std::string name;
  Sha256 digest{};
  Roles roles;
  std::string carrier;       // its code, with the role of a carrier; empty without
  std::optional<Rate> rate;  // instead of the one for everybody
};

// The keys that the tables describe. Two of one name, or of one digest, are refused.
std::vector<AccessKey> read_access_keys(const std::vector<SettingsTable>& tables);

// Whether a credential means to be an access key, or else is a token.
bool is_access_key(std::string_view credential);
// A new one, unpredictable. REQUIRES: a name for which check_key_name() is empty.
std::string new_access_key(std::string_view name);
// What is wrong with a name, for people; empty when nothing is.
std::string check_key_name(std::string_view name);

// The keys that hold. Threads: any.
class AccessKeys {
 public:
  // These instead of those before. What a key gave is withdrawn if it is gone, or gives something
  // else now; another rate holds from the next request on.
  void configure(std::vector<AccessKey> keys);

  // Takes the same time for a wrong key of any name.
  Credential check(std::string_view key) const;

 private:
  struct Known {
    AccessKey key;
    std::shared_ptr<std::atomic<bool>> withdrawn;
    std::shared_ptr<const Grant> grant;
  };
  using ByName = std::map<std::string, Known, std::less<>>;

  static Known known(AccessKey key, const Known* before);

  mutable std::mutex mutex_;
  std::shared_ptr<const ByName> keys_ = std::make_shared<ByName>();
};

}  // namespace jangbu::access
