#include "api/cli/projections_command.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/answers/rebuilds.hpp"
#include "api/cli/comparison_text.hpp"
#include "api/cli/progress.hpp"
#include "api/cli/rebuilding.hpp"
#include "api/cli/settings.hpp"
#include "api/cli/tool.hpp"
#include "api/log/event_filter.hpp"
#include "events/errors.hpp"
#include "infra/json.hpp"
#include "infra/postgres/connection.hpp"
#include "infra/text.hpp"
#include "projections/tables/registry.hpp"
#include "projections/writing/checkpoints.hpp"
#include "projections/writing/parked.hpp"
#include "projections/writing/rebuild.hpp"
#include "projections/writing/tracks.hpp"

namespace jangbu::cli {

namespace {

struct Flags {
  JetStreamOptions log;
  std::string database = "postgresql://jangbu@127.0.0.1:5432/jangbu";
  std::string name;
  std::string entity;
  std::string as_of;
  std::string schema;
  bool json = false;
};

const ReadModel& model_of(const std::string& name) {
  for (const ReadModel* model : read_models())
    if (model->name == name) return *model;
  throw Failure("there is no read model '" + name + "'");
}

pg::Connection connect(const Flags& flags) {
  return pg::connect_to_read(
      {.conninfo = flags.database, .application_name = "jangbu projections"});
}

// Runs a tool that needs the database; when that is away, the error names the flags to check.
int run_with_database(const std::function<int()>& tool) {
  return run_tool([&] {
    try {
      return tool();
    } catch (const Unavailable& away) {
      throw Failure(std::string(away.what()) +
                    ". See --database (JANGBU_DATABASE) and --nats-url (JANGBU_NATS_URL)");
    } catch (const pg::SqlError& error) {
      throw Failure(std::string(error.what()) + ". See --database (JANGBU_DATABASE)");
    }
  });
}

// --- Rebuilding ----------------------------------------------------------------------------------

// Gives `work` what it needs, and shows its progress.
template <class Work>
int with_rebuild(const Flags& flags, const Work& work) {
  return run_with_database([&] {
    StopRequests stop;
    const auto log = open_existing_log(flags.log);
    StageProgress progress;
    Rebuild rebuild(*log, {.conninfo = flags.database,
                           .on_progress = [&](const RebuildProgress& at) { progress.show(at); },
                           .stop = stop.token()});
    try {
      return work(rebuild, *log, [&] { progress.erase(); });
    } catch (const Unavailable&) {
      progress.erase();
      stop.signals().check();
      throw;
    }
  });
}

void print_rebuilt(const Flags& flags, const Rebuilt& rebuilt) {
  if (flags.json) return print(to_json(rebuilt).text() + "\n");
  print(flags.name + ": generation " + std::to_string(rebuilt.generation) +
        " serves from position " + grouped(rebuilt.position.value) + " on; generation " +
        std::to_string(rebuilt.before) + ", which served before, is kept for a rollback\n");
  print(comparison_text(rebuilt.comparison, {"the generation before", "the new one"}));
}

int rebuild(const Flags& flags) {
  return with_rebuild(flags, [&](Rebuild& rebuild, EventLog&, const auto& erase) {
    const Rebuilt rebuilt = rebuild.rebuild(model_of(flags.name));
    erase();
    print_rebuilt(flags, rebuilt);
    return 0;
  });
}

int rollback(const Flags& flags) {
  return with_rebuild(flags, [&](Rebuild& rebuild, EventLog&, const auto& erase) {
    const Rebuilt rebuilt = rebuild.rollback(model_of(flags.name));
    erase();
    print_rebuilt(flags, rebuilt);
    return 0;
  });
}

int prepare(const Flags& flags) {
  return with_rebuild(flags, [&](Rebuild& rebuild, EventLog&, const auto& erase) {
    const auto made = rebuild.prepare(read_models());
    erase();
    if (flags.json) {
      Json items = Json::array();
      for (const Checkpoint& one : made)
        items.push_back(Json{{"name", one.read_model},
                             {"generation", one.generation},
                             {"position", one.position.value}});
      print(Json{{"prepared", items}}.text() + "\n");
    } else if (made.empty()) {
      print("nothing to prepare: this build has a generation of every read model\n");
    }
    if (!flags.json)
      for (const Checkpoint& one : made)
        print(one.read_model + ": generation " + std::to_string(one.generation) +
              " is filled up to position " + grouped(one.position.value) +
              ", for this build to serve from\n");
    return 0;
  });
}

// --- Comparing -----------------------------------------------------------------------------------

// A position, or that of the last commit at or before a time.
Position past_position(EventLog& log, const std::string& text) {
  if (const auto time = parse_timestamp(text)) {
    const Position at = position_at(log, *time);
    if (at == Position{}) throw Failure("the log has no commit as early as " + text);
    return at;
  }
  return parse_place(text)->position;
}

std::string check_past(const std::string& text) {
  const auto place = parse_place(text);
  const bool is_position = place && text.find('.') == text.npos && place->position > Position{};
  if (is_position || parse_timestamp(text)) return {};
  return "must be the position of a commit, such as 42, or a time, such as 2026-03-01T09:30:00Z, "
         "not '" +
         text + "'";
}

std::string check_schema(const std::string& name) {
  if (Rebuild::is_free_name(name)) return {};
  return "must be a name of lower-case letters, digits and '_' that is none of a generation's, "
         "not '" +
         name + "'";
}

int diff(const Flags& flags) {
  return with_rebuild(flags, [&](Rebuild& rebuild, EventLog& log, const auto& erase) {
    const ReadModel& model = model_of(flags.name);
    Comparison comparison;
    ComparedNames names{"what serves", "the replay"};
    std::string kept;
    if (flags.as_of.empty()) {
      comparison = rebuild.diff(model);
    } else {
      const Position then = past_position(log, flags.as_of);
      const std::string schema =
          flags.schema.empty() ? flags.name + "_at_p" + std::to_string(then.value) : flags.schema;
      comparison = rebuild.as_of(model, then, schema);
      names = {"position " + grouped(then.value), "now"};
      kept = flags.name + " as of position " + grouped(then.value) + " is in the table " + schema +
             "." + flags.name + ", until you say DROP SCHEMA " + schema + " CASCADE\n";
    }
    erase();
    if (flags.json) {
      print(to_json(comparison).text() + "\n");
    } else {
      print(kept + comparison_text(comparison, names));
    }
    return comparison.equal() ? 0 : 1;
  });
}

// --- Looking -------------------------------------------------------------------------------------

std::string padded(std::string text, std::size_t width) {
  text.resize(std::max(width, text.size()), ' ');
  return text + "  ";
}

bool is_of_this_build(const Checkpoint& checkpoint) {
  for (const ReadModel* model : read_models())
    if (model->name == checkpoint.read_model) return fingerprint(*model) == checkpoint.fingerprint;
  return false;
}

int list(const Flags& flags) {
  return run_with_database([&] {
    auto connection = connect(flags);
    const auto checkpoints = read_checkpoints(connection);
    const Position end = open_existing_log(flags.log)->last();
    const auto lag = [&](const Checkpoint& one) {
      return end.value - std::min(end, one.position).value;
    };
    if (flags.json) {
      Json items = Json::array();
      for (const Checkpoint& one : checkpoints)
        items.push_back(Json{{"name", one.read_model},
                             {"generation", one.generation},
                             {"state", to_string(one.state)},
                             {"fingerprint", one.fingerprint},
                             {"ofThisBuild", is_of_this_build(one)},
                             {"position", one.position.value},
                             {"lag", lag(one)},
                             {"parked", one.parked}});
      print(Json{{"logEnd", end.value}, {"items", items}}.text() + "\n");
      return 0;
    }
    print(padded("READ MODEL", 11) + padded("GENERATION", 10) + padded("STATE", 8) +
          padded("BUILD", 12) + padded("POSITION", 12) + padded("LAG", 10) + "PARKED\n");
    for (const Checkpoint& one : checkpoints)
      print(padded(one.read_model, 11) + padded(std::to_string(one.generation), 10) +
            padded(std::string(to_string(one.state)), 8) +
            padded(is_of_this_build(one) ? "this" : one.fingerprint.substr(0, 12), 12) +
            padded(grouped(one.position.value), 12) + padded(grouped(lag(one)), 10) +
            std::to_string(one.parked) + "\n");
    if (checkpoints.empty())
      print(
          "none: `jangbu serve` creates them when it starts, `jangbu projections prepare` "
          "beforehand\n");
    return 0;
  });
}

// --- Parked rows ---------------------------------------------------------------------------------

// The parked rows that the flags select.
std::vector<Parked> chosen(pg::Connection& connection, const Flags& flags) {
  if (read_checkpoints(connection).empty()) return {};
  auto parked = read_parked(connection);
  const auto other = [&](const Parked& row) {
    return (!flags.name.empty() && row.read_model != flags.name) ||
           (!flags.entity.empty() && to_string(row.entity) != flags.entity);
  };
  parked.erase(std::remove_if(parked.begin(), parked.end(), other), parked.end());
  return parked;
}

Json to_json(const Parked& row) {
  return {{"name", row.read_model},
          {"generation", row.generation},
          {"entity", to_string(row.entity)},
          {"event", to_string(row.event)},
          {"reason", row.reason},
          {"parkedAt", to_string(row.parked_at)}};
}

int list_parked(const Flags& flags) {
  return run_with_database([&] {
    auto connection = connect(flags);
    const auto parked = chosen(connection, flags);
    if (!flags.json && parked.empty()) print("nothing is parked\n");
    for (const Parked& row : parked)
      print(flags.json
                ? to_json(row).text() + "\n"
                : row.read_model + " (generation " + std::to_string(row.generation) + ")  " +
                      to_string(row.entity) + "  since event " + to_string(row.event) + ", at " +
                      to_string(row.parked_at) + "\n  " + visible(row.reason) + "\n");
    return 0;
  });
}

int retry_parked(const Flags& flags) {
  return run_with_database([&] {
    const auto log = open_existing_log(flags.log);
    pg::Connection connection({.conninfo = flags.database,
                               .application_name = "jangbu projections",
                               .settings = std::string(projection_settings)});
    const auto parked = chosen(connection, flags);
    if (!flags.json && parked.empty()) print("nothing is parked\n");
    int status = 0;
    for (const Parked& row : parked) {
      const ReadModel& model = model_of(row.read_model);
      const Retried retried = retry(connection, *log, model, row);
      if (retried.parked_again) status = 1;
      if (flags.json) {
        const auto json = [](const std::string& rows) { return Json::raw("[" + rows + "]"); };
        Json told = to_json(row);
        told.add("released", !retried.parked_again);
        told.add("before", json(retried.before));
        told.add("after", json(retried.after));
        if (retried.parked_again) told.add("again", to_json(*retried.parked_again));
        print(told.text() + "\n");
        continue;
      }
      print(row.read_model + "  " + to_string(row.entity) +
            (retried.parked_again
                 ? "  is parked again, at event " + to_string(retried.parked_again->event) + ": " +
                       visible(retried.parked_again->reason) + "\n"
                 : "  is up to date again\n"));
      print(changed_fields_text(retried.before, retried.after));
    }
    return status;
  });
}

void add_connections(CLI::App& app, Flags& flags) {
  add_log_flags(app, flags.log);
  add_database_flag(app, flags.database);
  app.add_flag("--json", flags.json, "JSON for machines");
}

CLI::Option* add_name(CLI::App& app, Flags& flags) {
  return app.add_option("name", flags.name, "The read model's name")
      ->check(CLI::IsMember(read_model_names()));
}

}  // namespace

void add_projections(CLI::App& app, int& status) {
  const auto flags = std::make_shared<Flags>();
  CLI::App* projections = app.add_subcommand(
      "projections", "Inspect, rebuild and compare the read models in PostgreSQL");
  projections->require_subcommand(1);
  const auto add = [&](CLI::App& parent, const std::string& name, const std::string& description,
                       int (*run)(const Flags&)) {
    CLI::App* command = parent.add_subcommand(name, description);
    add_connections(*command, *flags);
    on_run(*command, [&status, flags, run] { status = run(*flags); });
    return command;
  };

  add(*projections, "list", "List every generation of every read model, with its progress", list);
  add(*projections, "prepare",
      "Build the generations this build of jangbu will serve from while another one still serves: "
      "run it with the new binary before that takes over",
      prepare);
  add_name(*add(*projections, "rebuild",
                "Replay the log into a new generation, compare it with the one that serves, and "
                "swap them; queries and commands go on",
                rebuild),
           *flags)
      ->required();
  add_name(*add(*projections, "rollback", "Let the previous generation catch up and serve again",
                rollback),
           *flags)
      ->required();

  CLI::App* compare =
      add(*projections, "diff",
          "Compare what serves with a replay of the log: exit status 0 if they are equal, else 1, "
          "with the rows that differ",
          diff);
  add_name(*compare, *flags)->required();
  CLI::Option* as_of =
      compare
          ->add_option("--as-of", flags->as_of,
                       "Build it as it was after this position or at this time, keep that, and "
                       "show what is different now")
          ->check(check_past);
  compare->add_option("--schema", flags->schema, "Name of the schema to build it in")
      ->check(check_schema)
      ->needs(as_of);

  CLI::App* parked = projections->add_subcommand(
      "parked", "Rows frozen because an event could not be folded into them");
  parked->require_subcommand(1);
  add_name(*add(*parked, "list", "List them, since when and why", list_parked), *flags);
  CLI::App* again =
      add(*parked, "retry",
          "Fold them again from their first event, show what changed, and unfreeze them; exit "
          "status 1 if one is parked again",
          retry_parked);
  add_name(*again, *flags);
  again->add_option("entity", flags->entity, "Only the row with this id")
      ->check([](const auto& id) {
        return parse_id<EntityId>(id) ? std::string() : "must be an id (a UUID), not '" + id + "'";
      });
}

}  // namespace jangbu::cli
