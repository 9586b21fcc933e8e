#include "tests/support/access_keys.hpp"

#include <iomanip>
#include <sstream>
#include <utility>

#include "api/access/access_keys.hpp"
#include "infra/sha256.hpp"
#include "tests/support/files.hpp"

namespace jangbu::test {

namespace {

std::string hex_digest(const std::string& key) {
  std::ostringstream hex;
  hex << std::hex << std::setfill('0');
  for (const unsigned byte : sha256({key})) hex << std::setw(2) << byte;
  return hex.str();
}

}  // namespace

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
    text += "[keys." + name + "]\n" + key.settings + "\nsha256 = \"" + hex_digest(key.key) + "\"\n";
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
