#include "api/cli/writer_command.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
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

constexpr auto longest_look = 5s;
constexpr auto longest_hand_over = 15s;

struct WriterFlags {
  Instances instances;
  bool json = false;
};

// What an instance says of itself and of who is active; only `url` and `reason`, which names it,
// when it does not.
Value ask_instance(const ShopPlace& place) {
  ShopClient shop(place, longest_look);
  Value found{{"url", shop.url(Service::operations)}};
  try {
    const auto answer = shop.get(Service::operations, "/health/ready");
    const Value json = parse_json_if_valid<Value>(answer.body);
    const Value checks = json.is_object() ? json.value("checks", Value()) : Value();
    const Value writer = checks.is_object() ? checks.value("writer", Value()) : Value();
    if (writer.is_object())
      found.update(writer);
    else
      found["reason"] =
          shop.url(Service::operations) + " does not answer as a shop's operations do";
  } catch (const Unavailable& away) {
    found["reason"] = away.what();
  }
  return found;
}

bool is_active(const Value& instance) {
  return field_text(instance, "state") == "active";
}

// Whether it does what an instance is for: it is active, or would take over.
bool is_fit(const Value& instance) {
  return field_text(instance, "status") == "up" && field_text(instance, "candidate") == "true";
}

struct Seen {
  std::vector<Value> instances;
  const Value* who_knows = nullptr;  // of the latest term; null when nobody is known to be active
  bool all_is_well = true;           // somebody is active, all know it, and all would take over
};

Seen look_at_all(const std::vector<ShopPlace>& places) {
  Seen seen;
  for (const ShopPlace& place : places) seen.instances.push_back(ask_instance(place));
  const auto term = [](const Value& instance) {
    const auto found = instance.find("term");
    return found != instance.end() && found->is_number_unsigned() ? found->get<std::uint64_t>()
                                                                  : std::uint64_t{0};
  };
  const auto latest = std::ranges::max_element(seen.instances, {}, term);
  if (term(*latest) > 0) seen.who_knows = &*latest;
  seen.all_is_well = seen.who_knows && std::ranges::all_of(seen.instances, [&](const Value& one) {
                       return is_fit(one) && term(one) == term(*latest);
                     });
  return seen;
}

int show_instances(const WriterFlags& flags, const std::vector<ShopPlace>& places) {
  const Seen seen = look_at_all(places);
  if (flags.json) {
    Value active;
    if (const Value* who = seen.who_knows)
      active = {{"instance", field_text(*who, "active")},
                {"term", who->value("term", Value())},
                {"since", field_text(*who, "since")}};
    print(json_text(Value{{"active", active}, {"instances", seen.instances}}, 2) + "\n");
    return seen.all_is_well ? 0 : 1;
  }
  print(seen.who_knows ? visible(field_text(*seen.who_knows, "active")) + " is active since " +
                             visible(field_text(*seen.who_knows, "since")) + ", in term " +
                             visible(field_text(*seen.who_knows, "term")) + ".\n\n"
                       : "Nobody is known to be active.\n\n");
  std::vector<Row> rows{{"INSTANCE", "STATE", "TERM", "POSITION", "URL", ""}};
  for (const Value& instance : seen.instances) {
    const std::string state = field_text(instance, "state");
    const std::string reason = field_text(instance, "reason");
    if (!instance.contains("status"))
      rows.push_back({"", "unknown", "", "", reason, ""});
    else
      rows.push_back({field_text(instance, "instance"), state.empty() ? "no writer" : state,
                      field_text(instance, "term"), field_text(instance, "position"),
                      field_text(instance, "url"), reason});
  }
  print_rows(std::move(rows));
  return seen.all_is_well ? 0 : 1;
}

// Asks the one that is active; if none of them is, the first, which says who is.
int hand_over(const WriterFlags& flags, const std::vector<ShopPlace>& places) {
  const Seen seen = look_at_all(places);
  const auto active = std::ranges::find_if(seen.instances, is_active);
  const auto asked = active == seen.instances.end() ? 0 : active - seen.instances.begin();
  ShopClient shop(places[static_cast<std::size_t>(asked)], longest_hand_over);
  const std::string url = shop.url(Service::operations);
  ShopClient::Answer answer;
  try {
    answer = shop.post(Service::operations, "/writer/handover", "");
  } catch (const NotSent& away) {
    throw Failure("no shop answers at " + url + " (" + away.what() +
                  "). Say where the active instance is with --host and --port-base "
                  "(JANGBU_PORT_BASE)");
  } catch (const Unavailable& away) {
    throw Failure(url + ": " + away.what() +
                  ". Whether it has handed over, jangbu writer status tells");
  }
  const Value json = parse_json_if_valid<Value>(answer.body);
  if (answer.status == 200 && json.is_object() && json.contains("successor")) {
    print(flags.json ? json_text(json, 2) + "\n"
                     : visible(field_text(json, "successor")) + " takes over.\n");
    return 0;
  }
  if (const auto refusal = refusal_in(answer.status, answer.body); !refusal.empty())
    throw Failure(url + " " + refusal);
  const std::string detail = json.is_object() ? field_text(json, "detail") : std::string();
  throw Failure(url + " answered " + std::to_string(answer.status) +
                (detail.empty() ? ", but not as a shop's operations do. Check --port-base "
                                  "(JANGBU_PORT_BASE)"
                                : ": " + detail));
}

}  // namespace

void add_writer(CLI::App& app, int& status) {
  CLI::App* writer = app.add_subcommand(
      "writer", "Which instance of a shop decides commands, and having another one do it");
  writer->require_subcommand(1);
  const auto add = [&](const std::string& name, const std::string& description,
                       int (*run)(const WriterFlags&, const std::vector<ShopPlace>&)) {
    const auto flags = std::make_shared<WriterFlags>();
    CLI::App* command = writer->add_subcommand(name, description);
    flags->instances.add_flags(*command);
    command->add_flag("--json", flags->json, "For machines");
    on_run(*command, [&status, flags, run] {
      const std::vector<ShopPlace> places = flags->instances.places();
      status = run_tool([&] { return run(*flags, places); });
    });
  };
  add("status",
      "Show who is active, and the others; exit status 1 unless every instance that was asked is, "
      "or would take over",
      show_instances);
  add("handover", "Have another instance take over from the active one; exit status 1 if none can",
      hand_over);
}

}  // namespace jangbu::cli
