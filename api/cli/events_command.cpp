#include "api/cli/events_command.hpp"

#include <memory>
#include <string>

#include "api/cli/events_tools.hpp"
#include "api/cli/export_format.hpp"
#include "api/cli/settings.hpp"
#include "api/cli/tool.hpp"

namespace jangbu::cli {

namespace {

constexpr const char* times_of_day = "2026-03-01T09:30:00Z or 2026-03-01T18:30:00+09:00";

std::string check_type(const std::string& name) {
  if (is_event_type(name)) return {};
  std::string types = event_types();
  for (const std::string_view type : types_without_events) {
    if (type == name) return {};
    types.append(", ").append(type);
  }
  return "'" + name + "' is not an event type. Use one of: " + types;
}

std::string check_place(const std::string& text) {
  if (parse_place(text)) return {};
  return "must be a position or an event, such as 42 or 42.1, not '" + text + "'";
}

std::string check_position(const std::string& text) {
  if (text.find('.') == text.npos && parse_place(text)) return {};
  return "must be the position of a commit, such as 42, not '" + text + "'";
}

std::string check_entity(const std::string& text) {
  if (parse_id<EntityId>(text)) return {};
  return "must be the id of an account, a product or a purchase (a UUID), not '" + text + "'";
}

std::string check_time(const std::string& text) {
  if (parse_timestamp(text)) return {};
  return std::string("must be a time as in RFC 3339, such as ") + times_of_day + ", not '" + text +
         "'";
}

void add_filter_flags(CLI::App& app, EventsFlags& flags) {
  app.add_option("--type", flags.types, "Events of this type; may be repeated")
      ->allow_extra_args(false)
      ->check(check_type);
  app.add_option("--entity", flags.entity, "Events about this account, product or purchase")
      ->check(check_entity);
  app.add_option("--actor", flags.actor,
                 "Events of this actor: account/<id>, key:<name>, or <issuer>|<subject>");
}

void add_stretch_flags(CLI::App& app, EventsFlags& flags) {
  app.add_option("--from", flags.from, "First position or event, such as 42 or 42.1")
      ->check(check_place);
  app.add_option("--to", flags.to, "Last position or event")->check(check_place);
  app.add_option("--since", flags.since,
                 std::string("Commits at this time or later, such as ") + times_of_day)
      ->check(check_time);
  app.add_option("--until", flags.until, "Commits at this time or earlier")->check(check_time);
}

void add_json_flag(CLI::App& app, EventsFlags& flags, const char* what) {
  app.add_flag("--json", flags.json, what);
}

}  // namespace

EventFilter filter_of(const EventsFlags& flags) {
  EventFilter filter{.types = flags.types};
  if (!flags.from.empty()) filter.from = std::max(*parse_place(flags.from), filter.from);
  if (!flags.to.empty()) filter.to = *parse_last_place(flags.to);
  filter.actor = flags.actor;
  if (!flags.entity.empty()) filter.entity = parse_id<EntityId>(flags.entity);
  return filter;
}

void add_events(CLI::App& app, int& status) {
  CLI::App* events = app.add_subcommand("events", "Inspect, back up and restore the event log");
  events->require_subcommand(1);
  const auto flags = std::make_shared<EventsFlags>();

  const auto add = [&](const char* name, const char* description, const char* examples,
                       int (*run)(const EventsFlags&)) {
    CLI::App* command = events->add_subcommand(name, description);
    command->footer(std::string("Examples:\n") + examples);
    add_log_flags(*command, flags->log);
    on_run(*command, [flags, run, &status] {
      if (flags->shop.empty()) flags->shop = default_shop(flags->log.stream);
      status = run_tool([&] { return run(*flags); });
    });
    return command;
  };

  CLI::App* command =
      add("list", "Print events, one per line, oldest first, and commits without events",
          "  jangbu events list --type PurchaseCompleted --since "
          "2026-03-01T00:00:00+09:00\n"
          "  jangbu events list --entity 0195501c-3a00-7000-8000-00000000c001 "
          "--json | jq .data",
          run_list);
  add_shop_flag(*command, flags->shop);
  add_filter_flags(*command, *flags);
  add_stretch_flags(*command, *flags);
  command->add_option("--limit", flags->limit, "At most this many events")
      ->check(CLI::PositiveNumber);
  add_json_flag(*command, *flags, "CloudEvents, as from GET /events");

  command = add("show", "Print everything about a commit or one of its events",
                "  jangbu events show 42\n  jangbu events show 42.1 --json", run_show);
  add_shop_flag(*command, flags->shop);
  command->add_option("PLACE", flags->place, "Position or event, such as 42 or 42.1")
      ->required()
      ->check(check_place);
  add_json_flag(*command, *flags, "As one JSON document");

  command = add("tail", "Print the last events and new ones as they come, until Ctrl-C",
                "  jangbu events tail\n  jangbu events tail -n 0 --type DeliveryScanned --json",
                run_tail);
  add_shop_flag(*command, flags->shop);
  add_filter_flags(*command, *flags);
  command->add_option("--from", flags->from, "Begin at this position or event instead of the end")
      ->check(check_place);
  command->add_option("-n,--last", flags->last, "Begin with this many existing events")
      ->capture_default_str()
      ->check(CLI::Range(0, 1'000'000));
  add_json_flag(*command, *flags, "CloudEvents");

  command = add("export", "Write the log to a file, or continue an earlier export",
                "  jangbu events export backup.ndjson.gz --gzip     # run again: adds what is new\n"
                "  jangbu events export | jq -c '{id, type}'",
                run_export);
  add_shop_flag(*command, flags->shop);
  command->add_option("FILE", flags->file, "The file; - or none is standard output")
      ->type_name("FILE");
  command->add_flag("--gzip", flags->gzip, "Compress");
  command
      ->add_option("--from", flags->from,
                   "First position: makes an excerpt, which cannot be imported")
      ->check(check_position);
  command->add_option("--to", flags->to, "Last position")->check(check_position);

  command =
      add("import", "Fill an empty stream from an exported file, with the same positions and bytes",
          "  jangbu events import backup.ndjson.gz --stream RESTORED\n"
          "  jangbu events import backup.ndjson     # after an interruption: continues",
          run_import);
  command->add_option("FILE", flags->file, "The file, compressed or not; - is standard input")
      ->required();
  add_gate_flags(*command, flags->log, flags->accept_weak_durability);

  command = add("verify", "Check every commit of the log or of an exported file",
                "  jangbu events verify\n  jangbu events verify --replicas\n"
                "  jangbu events verify backup.ndjson.gz",
                run_verify);
  CLI::Option* exported =
      command->add_option("FILE", flags->file, "An exported file, instead of the log");
  command
      ->add_flag("--replicas", flags->every_copy,
                 "Also read the copy on each server, and compare them commit by commit")
      ->excludes(exported);
  command
      ->add_option("--accept-void", flags->accepted_voids,
                   "Position of a void commit that is known: reported, but not a failure")
      ->allow_extra_args(false);

  command = add("replicas",
                "Print on which servers the log is kept, or change on how many, while it serves",
                "  jangbu events replicas        # exit status 1 unless all copies are current\n"
                "  jangbu events replicas 3      # returns when all three are",
                run_replicas);
  command
      ->add_option("NUMBER", flags->replicas,
                   "Copies of the log, and of the streams of public and of parked events: 1, 3 or "
                   "5, each on a server of its own")
      ->check(CLI::IsMember({1u, 3u, 5u}));

  command = add(
      "check",
      "Before a deployment: can this build read the whole log, and would its read models differ? "
      "Exit status 0 if it is fit to deploy, else 1, with what is wrong or different",
      "  new/jangbu events check                                # the log, and what serves now\n"
      "  new/jangbu events check --against old/jangbu           # what that build makes of it\n"
      "  new/jangbu events check --against backup.ndjson.gz     # an exported log\n"
      "  new/jangbu events check --accept deliveries            # changed on purpose",
      run_check);
  command
      ->add_option("--against", flags->against,
                   "Another build's program, or an exported log (default: the live log and what "
                   "serves now)")
      ->check(CLI::ExistingFile);
  command
      ->add_option("--accept", flags->accepted,
                   "A read model meant to differ: reported, but not a failure")
      ->allow_extra_args(false)
      ->check(CLI::IsMember(read_model_names()));
  command->add_flag("--log-only", flags->log_only, "Leave out the read models and PostgreSQL");
  add_database_flag(*command, flags->database);
  add_json_flag(*command, *flags, "As one JSON document");

  command = add("stats", "Count events by type and by day, and the sizes of commits",
                "  jangbu events stats --since 2026-03-01T00:00:00Z\n"
                "  jangbu events stats --json | jq .byType",
                run_stats);
  add_stretch_flags(*command, *flags);
  add_json_flag(*command, *flags, "As one JSON document");
}

}  // namespace jangbu::cli
