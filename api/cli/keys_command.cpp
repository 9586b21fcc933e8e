#include "api/cli/keys_command.hpp"

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "api/access/access_keys.hpp"
#include "api/cli/config_file.hpp"
#include "api/cli/settings.hpp"
#include "api/cli/tool.hpp"
#include "infra/base64.hpp"
#include "infra/json.hpp"
#include "infra/sha256.hpp"

namespace jangbu::cli {

namespace {

struct KeysFlags {
  std::string name;
  std::vector<std::string> roles;
  std::string carrier;
  bool json = false;
};

std::string lines_of(const SettingsTable& table) {
  std::string toml = "[keys." + table.name + "]\n";
  for (const auto& [setting, values] : table.settings) {
    std::string list;
    for (const std::string& value : values) list += (list.empty() ? "" : ", ") + Json(value).text();
    toml += setting + " = " + (setting == "roles" ? "[" + list + "]" : list) + "\n";
  }
  return toml;
}

int make(const KeysFlags& flags, const SettingsTable& table, const std::string& key) {
  if (flags.json) {
    Json roles = Json::array();
    for (const std::string& role : flags.roles) roles.push_back(role);
    Json json{{"name", table.name},
              {"key", key},
              {"sha256", table.settings.at("sha256").front()},
              {"roles", roles}};
    if (!flags.carrier.empty()) json.add("carrier", flags.carrier);
    print(json.text() + "\n");
    return 0;
  }
  print(key + "\n\n" + lines_of(table));
  flush_output();
  tell(
      "the first line is the key, which is shown only now. Add the others to the file of jangbu "
      "serve --access-keys, and send it SIGHUP");
  return 0;
}

void run(const KeysFlags& flags, int& status) {
  const std::string key = access::new_access_key(flags.name);
  SettingsTable table{.name = flags.name,
                      .settings = {{flags.roles.size() == 1 ? "role" : "roles", flags.roles},
                                   {"sha256", {to_hex(sha256({key}))}}}};
  if (!flags.carrier.empty()) table.settings["carrier"] = {flags.carrier};
  try {
    access::read_access_keys({table});
  } catch (const std::runtime_error& wrong) {
    throw CLI::ValidationError(wrong.what());
  }
  status = run_tool([&] { return make(flags, table, key); });
}

}  // namespace

void add_keys(CLI::App& app, int& status) {
  const auto flags = std::make_shared<KeysFlags>();
  CLI::App* keys = app.add_subcommand("keys", "Make access keys for machines");
  keys->require_subcommand(1);
  CLI::App* command = keys->add_subcommand(
      "new",
      "Print a new access key, and the lines that let it in, with its SHA-256 alone: the key is "
      "kept nowhere");
  command->add_option("name", flags->name, "Whose key it is: letters, digits and '-'")
      ->required()
      ->check([](const std::string& name) { return access::check_key_name(name); });
  command
      ->add_option("--role", flags->roles,
                   "What it may do: buyer, seller, carrier, clerk, auditor, operator; several "
                   "separated by commas")
      ->required()
      ->delimiter(',');
  command->add_option("--carrier", flags->carrier,
                      "With the role carrier, its name as its scans have it: it sees no others' "
                      "deliveries");
  command->add_flag("--json", flags->json, "For machines");
  on_run(*command, [flags, &status] { run(*flags, status); });
}

}  // namespace jangbu::cli
