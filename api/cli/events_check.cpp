// The deploy gate: compares what this build makes of a log with what another build makes of it.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/answers/rebuilds.hpp"
#include "api/cli/commit_source.hpp"
#include "api/cli/comparison_text.hpp"
#include "api/cli/events_tools.hpp"
#include "api/cli/export_file.hpp"
#include "api/cli/rebuilding.hpp"
#include "api/cli/tool.hpp"
#include "api/cli/verify.hpp"
#include "events/errors.hpp"
#include "infra/eventlog/memory_log.hpp"
#include "infra/postgres/connection.hpp"
#include "projections/tables/registry.hpp"
#include "projections/writing/generations.hpp"
#include "projections/writing/rebuild.hpp"

extern char** environ;

namespace jangbu::cli {

namespace {

// The result for one read model.
struct Checked {
  std::string name;
  std::optional<Comparison> comparison;  // none: it was built, with nothing to compare it to
  std::string note;                      // why there is no comparison
  bool accepted = false;

  bool is_fit() const { return accepted || !comparison || comparison->equal(); }
};

class DeployGate {
 public:
  // A schema that is created for the check and dropped after it.
  struct Scratch {
    Scratch(const std::string& database, std::string schema)
        : connection({.conninfo = database, .application_name = "jangbu events check"}),
          name(std::move(schema)) {
      drop_schema(connection, name);  // left by a check that was killed
    }
    ~Scratch() {
      try {
        drop_schema(connection, name);
      } catch (const std::exception& error) {
        tell("the schema " + name + " is left behind: " + error.what());
      }
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    pg::Connection connection;
    const std::string name;
  };

  explicit DeployGate(const EventsFlags& flags) : flags_(flags) {}

  // Throws Interrupted when a stop was requested.
  void check_stop() const { stop_.signals().check(); }

  int run() {
    const bool is_program = !flags_.against.empty() && ::access(flags_.against.c_str(), X_OK) == 0;
    if (!flags_.against.empty() && !is_program) {
      check_file();
    } else {
      log_ = open_existing_log(flags_.log);
      const Position end = log_->last();
      LogRange range(*log_, {1}, end, stop_.signals());
      verify(range, end.value);
      if (!flags_.log_only)
        for (const ReadModel* model : read_models())
          add(*model, is_program ? against_program(*model, end) : against_what_serves(*model));
    }
    return tell_verdict();
  }

 private:
  void verify(CommitSource& source, std::uint64_t total) {
    const auto begun = std::chrono::steady_clock::now();
    report_ = verify_all(source, total, stop_.signals());
    taken_ = std::chrono::steady_clock::now() - begun;
    if (!flags_.json) print(text_of(report_, taken_));
  }

  void check_file() {
    {
      ExportFile file(flags_.against, ExportFile::Lines::as_needed);
      verify(file, 0);
    }
    if (flags_.log_only || !report_.problems.empty()) return;
    auto log = std::make_unique<MemoryLog>();
    ExportFile file(flags_.against, ExportFile::Lines::as_needed);
    for (auto commits = file.next(); !commits.empty(); commits = file.next())
      for (const StoredCommit& stored : commits) {
        stop_.signals().check();
        log->append(log->last(), {stored.id, stored.payload, stored.origin},
                    std::chrono::seconds(1));
      }
    log_ = std::move(log);
    for (const ReadModel* model : read_models()) add(*model, against_same_place(*model));
  }

  Checked against_what_serves(const ReadModel& model) {
    try {
      return {.name = {}, .comparison = rebuild().diff(model), .note = {}};
    } catch (const AlreadyRebuilding&) {
      throw;
    } catch (const CannotRebuild& nothing) {
      return {.name = {}, .comparison = {}, .note = nothing.what()};
    }
  }

  Checked against_program(const ReadModel& model, Position end) {
    const Scratch other(flags_.database, std::string(model.name) + "_check_other");
    Scratch own(flags_.database, std::string(model.name) + "_check_own");
    let_program_build(model, end, other.name);
    rebuild().build(model, end, own.name);
    show_alone(own.connection, model, own.name);  // as that program does
    Comparison comparison = compare(own.connection, model, other.name, own.name);
    comparison.position = end;
    return {.name = {}, .comparison = std::move(comparison), .note = {}};
  }

  // The serving generation is comparable if it is where the exported log ends.
  Checked against_same_place(const ReadModel& model) {
    Scratch own(flags_.database, std::string(model.name) + "_check_own");
    const Position end = log_->last();
    rebuild().build(model, end, own.name);
    const auto serving = shown(own.connection, model);
    if (!serving) return {.name = {}, .comparison = {}, .note = "nothing serves in this database"};
    if (serving->position != end || contradiction(std::span(&*serving, 1), *log_))
      return {.name = {},
              .comparison = {},
              .note = "what serves is at position " + std::to_string(serving->position.value) +
                      ", not where the exported log ends"};
    Comparison comparison = compare(own.connection, model, serving->schema(), own.name);
    comparison.position = end;
    return {.name = {}, .comparison = std::move(comparison), .note = {}};
  }

  // Runs the other build's `projections diff --as-of`, which leaves its table behind. Passwords are
  // kept off its command line.
  void let_program_build(const ReadModel& model, Position end, const std::string& schema) {
    std::vector<std::string> arguments{flags_.against, "projections",
                                       "diff",         std::string(model.name),
                                       "--as-of",      std::to_string(end.value),
                                       "--schema",     schema,
                                       "--json"};
    std::vector<std::string> variables{"JANGBU_NATS_URL=" + flags_.log.url,
                                       "JANGBU_STREAM=" + flags_.log.stream,
                                       "JANGBU_DATABASE=" + flags_.database};
    for (char** variable = environ; *variable; ++variable)
      if (!std::string_view(*variable).starts_with("JANGBU_")) variables.emplace_back(*variable);
    const auto pointers = [](std::vector<std::string>& strings) {
      std::vector<char*> found;
      for (std::string& string : strings) found.push_back(string.data());
      found.push_back(nullptr);
      return found;
    };
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    pid_t child = -1;
    const int error = ::posix_spawn(&child, flags_.against.c_str(), &actions, nullptr,
                                    pointers(arguments).data(), pointers(variables).data());
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) throw Failure(flags_.against + " cannot be run: " + std::strerror(error));
    int status = 0;
    ::waitpid(child, &status, 0);
    stop_.signals().check();  // Ctrl-C stops both
    // Exit status 1 also means that the table differs now.
    const bool built = WIFEXITED(status) && WEXITSTATUS(status) <= 1 && exists(schema);
    if (!built)
      throw Failure(flags_.against + " did not build " + std::string(model.name) +
                    " as of position " + std::to_string(end.value) + ": see what it says above");
  }

  bool exists(const std::string& schema) const {
    pg::Connection connection({.conninfo = flags_.database});
    const auto found =
        connection.run("SELECT 1 WHERE to_regnamespace('" + schema + "') IS NOT NULL");
    return PQntuples(found.get()) == 1;
  }

  Rebuild rebuild() {
    return Rebuild(*log_, {.conninfo = flags_.database,
                           .on_progress = [this](const RebuildProgress& at) { progress_.show(at); },
                           .stop = stop_.token()});
  }

  void add(const ReadModel& model, Checked checked) {
    progress_.erase();
    checked.name = model.name;
    checked.accepted = std::ranges::find(flags_.accepted, checked.name) != flags_.accepted.end();
    if (!flags_.json) {
      const ComparedNames names{"what is there", "this build's"};
      print(checked.name + ": " +
            (checked.comparison ? comparison_text(*checked.comparison, names)
                                : "not compared: " + checked.note + "\n"));
    }
    checked_.push_back(std::move(checked));
  }

  int tell_verdict() const {
    const bool is_fit = report_.problems.empty() &&
                        std::ranges::all_of(checked_, [](const Checked& c) { return c.is_fit(); });
    if (!flags_.json) {
      print(is_fit ? "fit to be deployed\n" : "NOT fit to be deployed\n");
      return is_fit ? 0 : 1;
    }
    Json problems = Json::array();
    for (const std::string& problem : report_.problems) problems.push_back(problem);
    Json voids = Json::array();
    for (const StoredCommit& stored : report_.voids) voids.push_back(stored.position.value);
    Json read_models = Json::array();
    for (const Checked& checked : checked_) {
      Json item{{"name", checked.name}, {"accepted", checked.accepted}};
      if (checked.comparison) item.add("comparison", to_json(*checked.comparison));
      if (!checked.note.empty()) item.add("note", checked.note);
      read_models.push_back(item);
    }
    print(Json{{"fit", is_fit},
               {"commits", report_.commits},
               {"events", report_.events},
               {"upcast", report_.upcast},
               {"problems", problems},
               {"void", voids},
               {"readModels", read_models}}
              .text() +
          "\n");
    return is_fit ? 0 : 1;
  }

  const EventsFlags& flags_;
  StopRequests stop_;  // before the threads of the log's connection
  std::unique_ptr<EventLog> log_;
  StageProgress progress_;
  Verifier::Report report_;
  std::chrono::duration<double> taken_{};
  std::vector<Checked> checked_;
};

}  // namespace

int run_check(const EventsFlags& flags) {
  DeployGate gate(flags);
  try {
    return gate.run();
  } catch (const Unavailable& away) {
    gate.check_stop();
    throw Failure(std::string(away.what()) +
                  ". See --database (JANGBU_DATABASE) and --nats-url (JANGBU_NATS_URL)");
  } catch (const pg::SqlError& error) {
    throw Failure(std::string(error.what()) + ". See --database (JANGBU_DATABASE)");
  }
}

}  // namespace jangbu::cli
