#include "api/cli/status_command.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "api/cli/settings.hpp"
#include "api/cli/table.hpp"
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
  ShopPlace place;
  bool json = false;
};

// An answer of the operations service; Failure when it does not come from a shop.
Value ask_operations(ShopClient& shop, const std::string& path, std::string_view field) {
  const auto answer = shop.get(Service::operations, path);
  Value json = parse_json_if_valid<Value>(answer.body);
  if (const auto refusal = refusal_in(answer.status, answer.body); !refusal.empty())
    throw Failure(shop.url(Service::operations) + path + " " + refusal);
  if (!json.is_object() || !json.contains(field))
    throw Failure(shop.url(Service::operations) + path + " answered " +
                  std::to_string(answer.status) +
                  ", but not as a shop's operations do. Check --port-base (JANGBU_PORT_BASE) and "
                  "--tls (JANGBU_TLS)");
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
    if (const auto refusal = refusal_in(answer.status, answer.body); !refusal.empty())
      down(refusal);
    else if (who != name)
      down("something else answers there");
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

Row part(const std::string& name, const Value& check, const std::string& more) {
  const std::string reason = field_text(check, "reason");
  std::string said = field_text(check, "state");
  for (const std::string& text : {more, reason})
    if (!text.empty()) said += (said.empty() ? "" : ", ") + text;
  return {name, field_text(check, "status"), field_text(check, "position"), said};
}

std::string who_is_active(const Value& writer) {
  const std::string since = field_text(writer, "since");
  if (since.empty()) return "nobody is known to be active, ";
  const bool itself = field_text(writer, "state") == "active";
  return (itself ? "" : field_text(writer, "active") + " is active ") + "since " + since + ", ";
}

void print_for_people(const Value& found) {
  print("The shop at " + field_text(found, "url") + " is " + visible(field_text(found, "status")) +
        ".\n\n");
  std::vector<Row> rows{{"SERVICE", "STATUS", "URL"}};
  for (const Value& service : found.at("services")) {
    const std::string reason = field_text(service, "reason");
    rows.push_back({field_text(service, "name"), field_text(service, "status"),
                    field_text(service, "url") + (reason.empty() ? "" : "  " + reason)});
  }
  print_rows(rows);

  const Value& checks = found.at("checks");
  const Value writer = checks.value("writer", Value::object());
  const bool decides = field_text(writer, "status") != "off";
  rows = {{"PART", "STATUS", "POSITION", ""}};
  rows.push_back(part("log", checks.value("log", Value::object()), ""));
  rows.push_back(part("database", checks.value("database", Value::object()), ""));
  rows.push_back(
      part("writer", writer,
           decides ? who_is_active(writer) + field_text(writer, "queued") + " commands queued"
                   : "another process takes commands (--no-writer)"));
  const auto projector = checks.find("projector");
  rows.push_back(
      projector == checks.end()
          ? Row{"projector", "off", "", "another process projects (--no-projector)"}
          : part("projector", *projector, field_text(*projector, "lag") + " commits behind"));
  const auto publisher = checks.find("publisher");
  rows.push_back(
      publisher == checks.end()
          ? Row{"publisher", "off", "", "another process publishes, or none (--no-publisher)"}
          : part("publisher", *publisher, field_text(*publisher, "lag") + " commits behind"));
  rows.push_back(part("queries", checks.value("readModels", Value::object()), ""));
  print("\n");
  print_rows(rows);

  if (found.at("readModels").empty()) return;
  rows = {{"READ MODEL", "STATUS", "POSITION", "BEHIND", ""}};
  for (const Value& model : found.at("readModels")) {
    rows.push_back({field_text(model, "name"), field_text(model, "status"),
                    field_text(model, "position"), field_text(model, "lag"),
                    field_text(model, "state")});
  }
  print("\n");
  print_rows(rows);
}

// -------------------------------------------------------------------------------------------------

int show_status(const StatusFlags& flags) {
  ShopClient shop(flags.place, longest_answer);
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
  add_shop_flags(*command, flags->place);
  command->add_flag("--json", flags->json, "For machines");
  on_run(*command, [flags, &status] { status = run_tool([&] { return show_status(*flags); }); });
}

}  // namespace jangbu::cli
