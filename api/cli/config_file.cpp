#include "api/cli/config_file.hpp"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

#include "api/publishing/public_event.hpp"
#include "infra/json.hpp"
#include "infra/log.hpp"
#include "infra/text.hpp"

namespace jangbu::cli {

namespace {

constexpr std::streamsize longest_file = 1024 * 1024;  // for a few dozen settings
constexpr const char* webhooks_section = "webhooks";
constexpr const char* keys_section = "keys";
constexpr const char* issuers_section = "issuers";

std::string read_text(const std::string& file) {
  // Opening a named pipe would wait for somebody who writes to it.
  if (std::error_code error; !std::filesystem::is_regular_file(file, error))
    throw CLI::FileError(file + " is not a file that can be read");
  std::ifstream in(file, std::ios::binary);
  if (!in) throw CLI::FileError(file + " cannot be read");
  std::string text(static_cast<std::size_t>(longest_file) + 1, '\0');
  in.read(text.data(), longest_file + 1);
  if (in.gcount() > longest_file)
    throw CLI::FileError(file + " has more than " + std::to_string(longest_file) +
                         " bytes, too many for a configuration of jangbu");
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r";
  const auto begin = std::min(text.find_first_not_of(blanks), text.size());
  return text.substr(begin, text.find_last_not_of(blanks) + 1 - begin);
}

// CLI11 takes a table's header with a comment behind it for a setting, adds up tables of the same
// name, and reads lists of several lines with their comments as values.
std::istringstream without_traps(const std::string& text) {
  std::istringstream lines(text);
  std::string plain;
  std::set<std::string, std::less<>> headers;
  std::size_t number = 0;
  const auto fail = [&](const std::string& what) {
    throw CLI::ConfigError("line " + std::to_string(number) + " of the configuration: " + what);
  };
  for (std::string whole; std::getline(lines, whole);) {
    ++number;
    std::string_view line = trimmed(whole);
    if (line.starts_with('[')) {
      const auto end = line.find(']');
      const std::string_view rest = end == line.npos ? line : trimmed(line.substr(end + 1));
      if (line.starts_with("[[") || (!rest.empty() && !rest.starts_with('#')))
        fail("a table begins with its name alone, such as [webhooks.erp]");
      line = line.substr(0, end + 1);
      if (!headers.emplace(line).second) fail("there is a table " + visible(line) + " before");
    } else if (const auto equals = line.find('=');
               equals != line.npos && line.front() != '#' && line.front() != ';') {
      const std::string_view value = line.substr(equals + 1);
      const std::string_view list = trimmed(value.substr(0, value.find('#')));
      if (list.starts_with('[') && !list.ends_with(']')) fail("a list stands on one line");
    }
    plain.append(line).append("\n");
  }
  return std::istringstream(plain);
}

// CLI11 marks the beginning and the end of a section by items of these names.
bool is_mark(const CLI::ConfigItem& item) {
  return item.name == "++" || item.name == "--";
}

// `example`: of the header of a table in such a section.
void take(const CLI::ConfigItem& item, const char* section, const char* example,
          std::vector<SettingsTable>& tables) {
  if (item.parents.size() != 2) {
    if (is_mark(item) && item.parents.size() < 2) return;
    throw CLI::ConfigError(std::string(section) +
                           " have a table each, with a name of their own, such as " + example);
  }
  auto table = std::ranges::find(tables, item.parents.back(), &SettingsTable::name);
  if (table == tables.end())
    table = tables.insert(tables.end(), {.name = item.parents.back(), .settings = {}});
  if (is_mark(item)) return;
  auto& values = table->settings[item.name];
  values.insert(values.end(), item.inputs.begin(), item.inputs.end());
}

// Who may write to the file may do everything. `tells`: what its readers learn, if that is not for
// everybody.
void warn_of_others(const std::string& file, const char* tells) {
  using std::filesystem::perms;
  std::error_code error;
  const perms allowed = std::filesystem::status(file, error).permissions();
  if (error) return;
  if ((allowed & (perms::group_write | perms::others_write)) != perms::none)
    log::warn("{} can be written by others, who can let in whom they like: chmod go-w it", file);
  else if (tells && (allowed & perms::others_read) != perms::none)
    log::warn("{} tells everybody on this machine {}: chmod o= it", file, tells);
}

// What reading makes of tables; its errors become those of a configuration.
template <class Read>
auto read_tables(Read read) {
  try {
    return read();
  } catch (const std::runtime_error& wrong) {
    throw CLI::ConfigError(wrong.what());
  }
}

// Of the URL of a webhook parts may be secret; that of an issuer is in each of its tokens.
std::string to_toml(std::string_view section, const std::vector<SettingsTable>& tables) {
  std::string toml;
  for (const SettingsTable& table : tables) {
    toml += "\n[" + std::string(section) + "." + table.name + "]\n";
    for (const auto& [setting, values] : table.settings) {
      const bool is_flag = setting == "allow_private" || setting == "allow_typ_jwt";
      const bool is_list = setting == "types" || setting == "roles" || setting == "carriers";
      std::string list;
      for (const std::string& value : values) {
        list += list.empty() ? "" : ", ";
        list += is_flag ? value
                : setting == "url" && section == webhooks_section
                    ? in_toml(webhook::shown_url(value))
                    : in_toml(value);
      }
      toml += setting + " = " + (is_list ? "[" + list + "]" : list) + "\n";
    }
  }
  return toml;
}

}  // namespace

ConfigFile read_config_file(const std::string& file) {
  std::istringstream text = without_traps(read_text(file));
  ConfigFile read;
  for (CLI::ConfigItem& item : CLI::ConfigTOML().from_config(text)) {
    if (item.parents.empty())
      read.settings.push_back(std::move(item));
    else if (item.parents.front() == webhooks_section)
      take(item, webhooks_section, "[webhooks.erp]", read.webhooks);
    else if (item.parents.front() == issuers_section)
      take(item, issuers_section, "[issuers.staff]", read.issuers);
    else
      throw CLI::ConfigError("there is no table [" + visible(item.parents.front()) +
                             "...], only those of webhooks and issuers, such as [webhooks.erp] and "
                             "[issuers.staff]");
  }
  warn_of_others(file, nullptr);
  return read;
}

std::vector<webhook::Endpoint> read_webhooks(const ConfigFile& file) {
  return read_tables([&] {
    std::vector<webhook::Endpoint> endpoints;
    for (const SettingsTable& table : file.webhooks)
      endpoints.push_back(webhook::read_endpoint(table, public_event_types()));
    return endpoints;
  });
}

std::vector<access::Issuer> read_issuers(const ConfigFile& file) {
  return read_tables([&] { return access::read_issuers(file.issuers); });
}

std::vector<access::AccessKey> read_access_keys(const std::string& file) {
  try {
    std::istringstream text = without_traps(read_text(file));
    std::vector<SettingsTable> tables;
    for (const CLI::ConfigItem& item : CLI::ConfigTOML().from_config(text)) {
      if (item.parents.empty() || item.parents.front() != keys_section)
        throw CLI::ConfigError("there is nothing but tables of keys, such as [keys.till-3]");
      take(item, keys_section, "[keys.till-3]", tables);
    }
    warn_of_others(file, "who has access keys");
    return access::read_access_keys(tables);
  } catch (const CLI::FileError&) {
    throw;
  } catch (const std::runtime_error& wrong) {
    throw CLI::ConfigError(file + ": " + wrong.what());
  }
}

std::string in_toml(const std::string& text) {
  const bool is_number = !text.empty() && std::ranges::all_of(text, [](unsigned char c) {
    return std::isdigit(c) != 0;
  });
  return is_number ? text : Json(text).text();
}

std::string tables_in_toml(const ConfigFile& file) {
  return to_toml(webhooks_section, file.webhooks) + to_toml(issuers_section, file.issuers);
}

}  // namespace jangbu::cli
