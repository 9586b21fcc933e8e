#include "api/cli/webhooks_command.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "api/cli/settings.hpp"
#include "api/cli/table.hpp"
#include "api/cli/tool.hpp"
#include "api/client/shop_client.hpp"
#include "api/log/event_filter.hpp"
#include "infra/json.hpp"
#include "infra/json_tree.hpp"
#include "infra/text.hpp"

namespace jangbu::cli {

namespace {

using namespace std::chrono_literals;
using Value = nlohmann::ordered_json;

constexpr auto longest_test = 30s;  // of a test: an endpoint has 15 s

struct WebhookFlags {
  ShopPlace place;
  bool json = false;
  std::string name;
  std::string reason;
  std::string from;
};

// The answer of operations; Failure, with what it says, when that is none of success.
Value ask(const WebhookFlags& flags,
          const std::function<ShopClient::Answer(ShopClient&, ShopClient::Service)>& send) {
  ShopClient shop(flags.place, longest_test);
  const std::string url = shop.url(ShopClient::Service::operations);
  ShopClient::Answer answer;
  try {
    answer = send(shop, ShopClient::Service::operations);
  } catch (const Unavailable& away) {
    throw Failure("no shop answers at " + url + " (" + away.what() +
                  "). Start one with jangbu serve, or say where it is with --host and --port-base "
                  "(JANGBU_PORT_BASE)");
  }
  Value json = parse_json_if_valid<Value>(answer.body);
  if (answer.status == 200 && json.is_object()) return json;
  const std::string detail = json.is_object() ? field_text(json, "detail") : std::string();
  if (const auto refusal = refusal_in(answer.status, answer.body); !refusal.empty())
    throw Failure(url + " " + refusal);
  throw Failure(url + " answered " + std::to_string(answer.status) +
                (detail.empty() ? ", but not as a shop's operations do. Check --port-base "
                                  "(JANGBU_PORT_BASE)"
                                : ": " + detail));
}

Value get(const WebhookFlags& flags, const std::string& path) {
  return ask(flags, [&](ShopClient& shop, ShopClient::Service operations) {
    return shop.get(operations, path);
  });
}

Value post(const WebhookFlags& flags, const std::string& what, const Json& body) {
  return ask(flags, [&](ShopClient& shop, ShopClient::Service operations) {
    return shop.post(operations, "/webhooks/" + flags.name + "/" + what, body.text());
  });
}

bool is_well(const Value& webhook) {
  const std::string state = field_text(webhook, "state");
  return state == "active" || state == "paused";
}

std::string outcome_of(const Value& attempt) {
  const std::string status = field_text(attempt, "status");
  return status.empty() ? field_text(attempt, "outcome") : status;
}

// A webhook, one property a line.
int show(const WebhookFlags& flags, const Value& webhook) {
  if (flags.json) {
    print(json_text(webhook, 2) + "\n");
    return is_well(webhook) ? 0 : 1;
  }
  std::vector<Row> rows;
  const auto add = [&](const char* what, const std::string& value) {
    if (!value.empty()) rows.push_back({what, value});
  };
  std::string types;
  for (const Value& type : webhook.value("types", Value::array()))
    types += (types.empty() ? "" : ", ") + (type.is_string() ? type.get<std::string>() : "");
  add("name", field_text(webhook, "name"));
  add("url", field_text(webhook, "url"));
  add("types", types.empty() ? "all" : types);
  add("state", field_text(webhook, "state"));
  add("reason", field_text(webhook, "reason"));
  add("since", field_text(webhook, "since"));
  add("next attempt", field_text(webhook, "nextAttempt"));
  add("pending", field_text(webhook, "pending"));
  add("delivered at", field_text(webhook, "deliveredAt"));
  if (const auto last = webhook.find("lastAttempt"); last != webhook.end())
    add("last attempt", field_text(*last, "at") + ": " + outcome_of(*last) + " after " +
                            field_text(*last, "milliseconds") + " ms");
  std::string ids;
  for (const Value& id : webhook.value("parkedIds", Value::array()))
    ids += " " + (id.is_string() ? id.get<std::string>() : "");
  add("parked", field_text(webhook, "parked") + (ids.empty() ? "" : ":" + ids));
  add("replayed from", field_text(webhook, "replayedFrom"));
  print_rows(std::move(rows));
  return is_well(webhook) ? 0 : 1;
}

int list(const WebhookFlags& flags) {
  const Value webhooks = get(flags, "/webhooks");
  int status = 0;
  std::vector<Row> rows{{"WEBHOOK", "STATE", "PENDING", "PARKED", "LAST", "DELIVERED AT", ""}};
  for (const Value& webhook : webhooks.value("items", Value::array())) {
    if (!is_well(webhook)) status = 1;
    rows.push_back({field_text(webhook, "name"), field_text(webhook, "state"),
                    field_text(webhook, "pending"), field_text(webhook, "parked"),
                    outcome_of(webhook.value("lastAttempt", Value::object())),
                    field_text(webhook, "deliveredAt"), field_text(webhook, "reason")});
  }
  if (flags.json) {
    print(json_text(webhooks, 2) + "\n");
  } else if (rows.size() == 1) {
    print("none: put a table [webhooks.NAME] into the file that jangbu serve has as --config\n");
  } else {
    print_rows(std::move(rows));
  }
  return status;
}

int show(const WebhookFlags& flags) {
  return show(flags, get(flags, "/webhooks/" + flags.name));
}

int pause(const WebhookFlags& flags) {
  Json body = Json::object();
  if (!flags.reason.empty()) body.add("reason", flags.reason);
  return show(flags, post(flags, "pause", body));
}

int resume(const WebhookFlags& flags) {
  show(flags, post(flags, "resume", Json::object()));
  return 0;
}

int replay(const WebhookFlags& flags) {
  show(flags, post(flags, "replay", {{"from", flags.from}}));
  return 0;
}

int test(const WebhookFlags& flags) {
  const Value result = post(flags, "test", Json::object());
  const bool delivered = field_text(result, "delivered") == "true";
  print(flags.json ? json_text(result, 2) + "\n"
                   : flags.name + (delivered ? " took the event: " : " did not take the event: ") +
                         field_text(result, "detail") + ", after " +
                         field_text(result, "milliseconds") + " ms\n");
  return delivered ? 0 : 1;
}

std::string check_webhook(const std::string& name) {
  const bool is_name =
      !name.empty() && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == name.npos;
  return is_name ? std::string()
                 : "must have lower-case letters, digits and '-', not '" + name + "'";
}

}  // namespace

void add_webhooks(CLI::App& app, int& status) {
  const auto flags = std::make_shared<WebhookFlags>();
  CLI::App* webhooks =
      app.add_subcommand("webhooks", "Inspect, pause, replay and test the webhooks of a shop");
  webhooks->require_subcommand(1);
  const auto add = [&](const std::string& name, const std::string& description,
                       int (*run)(const WebhookFlags&)) {
    CLI::App* command = webhooks->add_subcommand(name, description);
    add_shop_flags(*command, flags->place);
    command->add_flag("--json", flags->json, "For machines");
    on_run(*command, [&status, flags, run] { status = run_tool([&] { return run(*flags); }); });
    return command;
  };
  const auto add_for_one = [&](const std::string& name, const std::string& description,
                               int (*run)(const WebhookFlags&)) {
    CLI::App* command = add(name, description, run);
    command->add_option("name", flags->name, "The webhook's name")
        ->required()
        ->check(check_webhook);
    return command;
  };

  add("list", "List them; exit status 1 if one is failing, off or waiting", list);
  add_for_one("show", "Show one, with the events it refused; exit status as for list", show);
  add_for_one("pause", "Deliver nothing to it for now; events wait", pause)
      ->add_option("--reason", flags->reason, "Shown to whoever asks why it is paused");
  add_for_one("resume", "Deliver to it again, at once, whether it was paused, off or failing",
              resume);
  add_for_one("replay", "Deliver events to it again, and then what is new", replay)
      ->add_option("--from", flags->from, "The position or event to begin with")
      ->required()
      ->check([](const std::string& place) {
        return parse_place(place)
                   ? std::string()
                   : "must be a position or an event, such as 42 or 42.1, not '" + place + "'";
      });
  add_for_one("test", "Send it an event of type Test now; exit status 1 unless it takes that",
              test);
}

}  // namespace jangbu::cli
