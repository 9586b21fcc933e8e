#include "api/cli/status_command.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "api/cli/settings.hpp"
#include "api/cli/tool.hpp"
#include "api/client/shop_client.hpp"
#include "infra/json_tree.hpp"
#include "infra/text.hpp"

namespace jangbu::cli {

namespace {

using namespace std::chrono_literals;
using Value = nlohmann::ordered_json;
using Service = ShopClient::Service;

constexpr auto longest_answer = 5s;

constexpr std::pair<Service, std::string_view> services[] = {
    {Service::operations, "operations"}, {Service::account, "account"},
    {Service::product, "product"},       {Service::purchase, "purchase"},
    {Service::delivery, "delivery"},
};

struct StatusFlags {
  std::string host = "127.0.0.1";
  int port_base = 11000;
  bool json = false;
};

// An answer of the operations service; Failure when it does not come from a shop.
Value ask_operations(ShopClient& shop, const std::string& path, std::string_view field) {
  const auto answer = shop.get(Service::operations, path);
  Value json = parse_json_if_valid<Value>(answer.body);
  if (!json.is_object() || !json.contains(field))
    throw Failure(shop.url(Service::operations) + path + " answered " +
                  std::to_string(answer.status) +
                  ", but not as a shop's operations do. Check --port-base (JANGBU_PORT_BASE)");
  return json;
}

// A process need not serve all services: a closed port is "off", another program's port is "down".
Value look_at(ShopClient& shop, Service service, std::string_view name) {
  Value found{{"name", name}, {"url", shop.url(service)}, {"status", "up"}};
  const auto down = [&](const std::string& reason) {
    found["status"] = "down";
    found["reason"] = reason;
  };
  try {
    const auto answer = shop.get(service, "/");
    const Value index = parse_json_if_valid<Value>(answer.body);
    const Value who = index.is_object() ? index.value("service", Value()) : Value();
    if (who != name) down("something else answers there");
  } catch (const NobodyListens&) {
    found["status"] = "off";
  } catch (const Unavailable& away) {
    down(away.what());
  }
  return found;
}

// Everything known about the shop. Unavailable when its operations service does not answer.
Value look(ShopClient& shop) {
  const Value ready = ask_operations(shop, "/health/ready", "checks");
  const Value projections = ask_operations(shop, "/projections", "items");
  Value found{{"status", ready.at("status")},
              {"url", shop.url(Service::operations)},
              {"checks", ready.at("checks")},
              {"readModels", projections.at("items")},
              {"services", Value::array()}};
  for (const auto& [service, name] : services)
    found["services"].push_back(look_at(shop, service, name));
  const bool all_services = std::ranges::none_of(
      found["services"], [](const Value& service) { return service.at("status") == "down"; });
  if (!all_services && found["status"] == "up") found["status"] = "degraded";
  return found;
}

// --- For people ----------------------------------------------------------------------------------

std::string text_of(const Value& json, const char* field) {
  const auto value = json.find(field);
  if (value == json.end() || value->is_null()) return {};
  return value->is_string() ? value->get<std::string>() : json_text(*value);
}

using Row = std::vector<std::string>;

// Prints in columns, two spaces apart, without trailing spaces. Control characters are made
// visible, because the texts come from whatever answers on the shop's ports.
void print_rows(std::vector<Row> rows) {
  std::vector<std::size_t> widths;
  for (Row& row : rows) std::ranges::transform(row, row.begin(), visible);
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i)
      line += row[i] + std::string(widths[i] + 2 - row[i].size(), ' ');
    line.erase(line.find_last_not_of(' ') + 1);
    print(line + "\n");
  }
}

Row part(const std::string& name, const Value& check, const std::string& more) {
  const std::string reason = text_of(check, "reason");
  std::string said = text_of(check, "state");
  for (const std::string& text : {more, reason})
    if (!text.empty()) said += (said.empty() ? "" : ", ") + text;
  return {name, text_of(check, "status"), text_of(check, "position"), said};
}

void print_for_people(const Value& found) {
  print("The shop at " + text_of(found, "url") + " is " + visible(text_of(found, "status")) +
        ".\n\n");
  std::vector<Row> rows{{"SERVICE", "STATUS", "URL"}};
  for (const Value& service : found.at("services")) {
    const std::string reason = text_of(service, "reason");
    rows.push_back({text_of(service, "name"), text_of(service, "status"),
                    text_of(service, "url") + (reason.empty() ? "" : "  " + reason)});
  }
  print_rows(rows);

  const Value& checks = found.at("checks");
  const Value writer = checks.value("writer", Value::object());
  const bool decides = text_of(writer, "status") != "off";
  rows = {{"PART", "STATUS", "POSITION", ""}};
  rows.push_back(part("log", checks.value("log", Value::object()), ""));
  rows.push_back(part("database", checks.value("database", Value::object()), ""));
  rows.push_back(part("writer", writer,
                      decides ? text_of(writer, "queued") + " commands queued"
                              : "another process takes commands (--no-writer)"));
  const auto projector = checks.find("projector");
  rows.push_back(
      projector == checks.end()
          ? Row{"projector", "off", "", "another process projects (--no-projector)"}
          : part("projector", *projector, text_of(*projector, "lag") + " commits behind"));
  const auto publisher = checks.find("publisher");
  rows.push_back(
      publisher == checks.end()
          ? Row{"publisher", "off", "", "another process publishes, or none (--no-publisher)"}
          : part("publisher", *publisher, text_of(*publisher, "lag") + " commits behind"));
  rows.push_back(part("queries", checks.value("readModels", Value::object()), ""));
  print("\n");
  print_rows(rows);

  if (found.at("readModels").empty()) return;
  rows = {{"READ MODEL", "STATUS", "POSITION", "BEHIND", ""}};
  for (const Value& model : found.at("readModels")) {
    rows.push_back({text_of(model, "name"), text_of(model, "status"), text_of(model, "position"),
                    text_of(model, "lag"), text_of(model, "state")});
  }
  print("\n");
  print_rows(rows);
}

// -------------------------------------------------------------------------------------------------

int show_status(const StatusFlags& flags) {
  ShopClient shop(flags.host, flags.port_base, longest_answer);
  Value found;
  try {
    found = look(shop);
  } catch (const Unavailable& away) {
    const std::string url = shop.url(Service::operations);
    if (!flags.json)
      throw Failure("no shop answers at " + url + " (" + away.what() +
                    "). Start one with jangbu serve, or say where it is with --host and "
                    "--port-base (JANGBU_PORT_BASE)");
    found = {{"status", "unreachable"}, {"url", url}, {"reason", away.what()}};
  }
  if (flags.json) {
    print(json_text(found, 2) + "\n");
  } else {
    print_for_people(found);
  }
  return found.at("status") == "up" ? 0 : 1;
}

}  // namespace

void add_status(CLI::App& app, int& status) {
  const auto flags = std::make_shared<StatusFlags>();
  CLI::App* command = app.add_subcommand(
      "status", "Show the state of a running shop; exit status 1 unless everything is up");
  add_port_base_flag(*command, flags->port_base);
  command->add_option("--host", flags->host, "The shop's host: a name or an address")
      ->capture_default_str();
  command->add_flag("--json", flags->json, "For machines");
  on_run(*command, [flags, &status] { status = run_tool([&] { return show_status(*flags); }); });
}

}  // namespace jangbu::cli
