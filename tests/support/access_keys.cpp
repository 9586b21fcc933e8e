#include "tests/support/access_keys.hpp"

#include <utility>

#include "api/access/access_keys.hpp"
#include "infra/base64.hpp"
#include "infra/sha256.hpp"
#include "tests/support/files.hpp"

namespace jangbu::test {

KeyFile::KeyFile(std::filesystem::path file) : file_(std::move(file)) {
  write();
}

KeyFile& KeyFile::add(const std::string& name, std::string_view settings) {
  keys_[name] = {access::new_access_key(name), std::string(settings)};
  write();
  return *this;
}

KeyFile& KeyFile::remove(const std::string& name) {
  keys_.erase(name);
  write();
  return *this;
}

HttpClient::Fields KeyFile::fields(const std::string& name) const {
  return {{"Authorization", "Bearer " + key(name)}};
}

void KeyFile::write() const {
  std::string text;
  for (const auto& [name, key] : keys_)
    text += "[keys." + name + "]\n" + key.settings + "\nsha256 = \"" + to_hex(sha256({key.key})) +
            "\"\n";
  write_text(file_, text);
}

KeyFile one_of_each_role(const std::filesystem::path& file) {
  KeyFile keys(file);
  for (const char* role : {"buyer", "seller", "clerk", "auditor", "operator"})
    keys.add(role, std::string("role = \"") + role + "\"");
  keys.add("carrier", "role = \"carrier\"\ncarrier = \"CJ\"");
  return keys;
}

}  // namespace jangbu::test
