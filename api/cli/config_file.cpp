#include "api/cli/config_file.hpp"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <fstream>
#include <sstream>
#include <utility>

#include "api/publishing/public_event.hpp"
#include "infra/json.hpp"

namespace jangbu::cli {

namespace {

constexpr std::streamsize longest_file = 1024 * 1024;  // for a few dozen settings
constexpr const char* webhooks_section = "webhooks";

std::string read_text(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw CLI::FileError::Missing(file);
  std::string text(static_cast<std::size_t>(longest_file) + 1, '\0');
  in.read(text.data(), longest_file + 1);
  if (in.gcount() > longest_file)
    throw CLI::FileError(file + " has more than " + std::to_string(longest_file) +
                         " bytes, too many for a configuration of jangbu");
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

// CLI11 marks the beginning and the end of a section by items of these names.
bool is_mark(const CLI::ConfigItem& item) {
  return item.name == "++" || item.name == "--";
}

void take_webhook(const CLI::ConfigItem& item, std::vector<webhook::Table>& tables) {
  if (item.parents.size() != 2) {
    if (is_mark(item) && item.parents.size() < 2) return;
    throw CLI::ConfigError(
        "webhooks have a table each, with a name of their own, such as [webhooks.erp]");
  }
  auto table = std::ranges::find(tables, item.parents.back(), &webhook::Table::name);
  if (table == tables.end())
    table = tables.insert(tables.end(), {.name = item.parents.back(), .settings = {}});
  if (is_mark(item)) return;
  auto& values = table->settings[item.name];
  values.insert(values.end(), item.inputs.begin(), item.inputs.end());
}

}  // namespace

ConfigFile read_config_file(const std::string& file) {
  std::istringstream text(read_text(file));
  ConfigFile read;
  for (CLI::ConfigItem& item : CLI::ConfigTOML().from_config(text)) {
    if (!item.parents.empty() && item.parents.front() == webhooks_section)
      take_webhook(item, read.webhooks);
    else
      read.settings.push_back(std::move(item));
  }
  return read;
}

std::vector<webhook::Endpoint> read_webhooks(const std::vector<webhook::Table>& tables) {
  std::vector<webhook::Endpoint> endpoints;
  try {
    for (const webhook::Table& table : tables)
      endpoints.push_back(webhook::read_endpoint(table, public_event_types()));
  } catch (const std::runtime_error& wrong) {
    throw CLI::ConfigError(wrong.what());
  }
  return endpoints;
}

std::string in_toml(const std::string& text) {
  const bool is_number = !text.empty() && std::ranges::all_of(text, [](unsigned char c) {
    return std::isdigit(c) != 0;
  });
  return is_number ? text : Json(text).text();
}

std::string to_toml(const std::vector<webhook::Table>& tables) {
  std::string toml;
  for (const webhook::Table& table : tables) {
    toml += "\n[" + std::string(webhooks_section) + "." + table.name + "]\n";
    for (const auto& [setting, values] : table.settings) {
      std::string list;
      for (const std::string& value : values) {
        list += list.empty() ? "" : ", ";
        list += setting == "allow_private" ? value
                : setting == "url"         ? in_toml(webhook::shown_url(value))
                                           : in_toml(value);
      }
      toml += setting + " = " + (setting == "types" ? "[" + list + "]" : list) + "\n";
    }
  }
  return toml;
}

}  // namespace jangbu::cli
