// The configuration file of `jangbu serve` (--config): settings, which flags and environment may
// give as well, and the tables of webhooks and issuers, which only the file has. And that of access
// keys (--access-keys), in the same form.
//
// Threads: one at a time. Errors: CLI::ParseError, which says what is wrong in the file.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "api/access/access_keys.hpp"
#include "api/access/issuer.hpp"
#include "api/webhooks/endpoint.hpp"
#include "infra/settings_table.hpp"

namespace jangbu::cli {

struct ConfigFile {
  std::vector<CLI::ConfigItem> settings;
  std::vector<SettingsTable> webhooks;
  std::vector<SettingsTable> issuers;
};

// A warning if others than its owner may write to it.
ConfigFile read_config_file(const std::string& file);

// What the tables describe.
std::vector<webhook::Endpoint> read_webhooks(const ConfigFile& file);
std::vector<access::Issuer> read_issuers(const ConfigFile& file);

// The access keys in a file of their own; a warning if others than its owner may write to it, or
// everybody may read it. The errors name the file and never repeat a key.
std::vector<access::AccessKey> read_access_keys(const std::string& file);

// The tables in the form of the file, without what may be secret.
std::string tables_in_toml(const ConfigFile& file);
// A value in that form.
std::string in_toml(const std::string& text);

}  // namespace jangbu::cli
