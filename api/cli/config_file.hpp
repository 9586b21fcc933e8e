// The configuration file of `jangbu serve` (--config): settings, which flags and environment may
// give as well, and the tables of webhooks, which only the file has. And that of access keys
// (--access-keys), in the same form.
//
// Threads: one at a time. Errors: CLI::ParseError, which says what is wrong in the file.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "api/access/access_keys.hpp"
#include "api/webhooks/endpoint.hpp"
#include "infra/settings_table.hpp"

namespace jangbu::cli {

struct ConfigFile {
  std::vector<CLI::ConfigItem> settings;
  std::vector<SettingsTable> webhooks;
};

ConfigFile read_config_file(const std::string& file);

// The endpoints that the tables describe.
std::vector<webhook::Endpoint> read_webhooks(const std::vector<SettingsTable>& tables);

// The access keys in a file of their own; a warning if others than its owner may write to it, or
// everybody may read it. The errors name the file and never repeat a key.
std::vector<access::AccessKey> read_access_keys(const std::string& file);

// The tables in the form of the file, without what may be secret.
std::string to_toml(const std::vector<SettingsTable>& tables);
// A value in that form.
std::string in_toml(const std::string& text);

}  // namespace jangbu::cli
