// A table of the configuration file, such as [webhooks.erp], and how its settings are read.
//
// Threads: plain values, and functions that read files. Errors: std::runtime_error, which names the
// table and says what to do.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "infra/plain_file.hpp"

namespace jangbu {

// As it stands in the file: the values of each setting.
struct SettingsTable {
  std::string name;
  std::map<std::string, std::vector<std::string>, std::less<>> settings;
};

class TableReader {
 public:
  // `section`: of tables of this kind, "webhooks". The name must be one, and every setting known.
  // REQUIRES: all outlive it.
  TableReader(std::string_view section, const SettingsTable& table,
              std::span<const std::string_view> known);

  [[noreturn]] void fail(const std::string& what) const;

  bool has(std::string_view setting) const { return table_.settings.contains(setting); }
  const std::vector<std::string>& list(std::string_view setting) const;  // empty: not given
  std::string text(std::string_view setting) const;                      // must be given
  bool flag(std::string_view setting) const;                             // false: not given

  // The text of the file that the setting names, of at most so many bytes.
  std::string read_file(std::string_view setting, std::size_t longest, Privacy privacy) const;
  // Certificates (PEM) of the file that ca_file names; empty when it is not given.
  std::string authorities() const;

 private:
  const std::string_view section_;
  const SettingsTable& table_;
};

// "one, two"
std::string joined(std::span<const std::string_view> words);

}  // namespace jangbu
