// A file of access keys for a shop, and the keys themselves.
//
// Threads: one at a time.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "tests/support/http_client.hpp"

namespace jangbu::test {

class KeyFile {
 public:
  explicit KeyFile(std::filesystem::path file);

  // A new key with these further lines in its table: `role = "clerk"`. In place of one of that
  // name.
  KeyFile& add(const std::string& name, std::string_view settings);
  KeyFile& remove(const std::string& name);

  const std::string& key(const std::string& name) const { return keys_.at(name).key; }
  // Of a request by the holder of the key.
  HttpClient::Fields fields(const std::string& name) const;
  std::string path() const { return file_.string(); }

 private:
  struct Key {
    std::string key;
    std::string settings;
  };

  void write() const;

  std::filesystem::path file_;
  std::map<std::string, Key> keys_;
};

// One key for each role, named like it: buyer, seller, carrier (of CJ), clerk, auditor, operator.
KeyFile one_of_each_role(const std::filesystem::path& file);

}  // namespace jangbu::test
