#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "api/answers/documents.hpp"
#include "api/answers/problem_types.hpp"
#include "api/answers/rebuilds.hpp"
#include "api/jobs/rebuild_jobs.hpp"
#include "api/requests/body.hpp"
#include "api/services/operations.hpp"
#include "api/services/queries.hpp"
#include "api/telemetry/metrics.hpp"
#include "commands/writer.hpp"
#include "infra/ids.hpp"
#include "projections/tables/registry.hpp"
#include "projections/writing/parked.hpp"
#include "projections/writing/projector.hpp"

namespace jangbu {

namespace {

// One read model. Its state is the projector's, or that it is being built.
Json to_json(const Projector::ReadModelStatus& model, const Projector::Status& status,
             const Writer* writer, const std::optional<RebuildJobs::Status>& rebuild) {
  const Position position = model.checkpoint ? model.checkpoint->position : Position{};
  const Position end = log_end(status.log_end, writer);
  Json json{{"name", model.name},
            {"status", is_up(status.state) && model.checkpoint ? "up" : "down"},
            {"state", model.checkpoint ? to_string(status.state) : "building"},
            {"position", position.value},
            {"lag", end.value - std::min(end, position).value}};
  if (writer) {
    const Writer::Backlog backlog = writer->after(position);
    const std::int64_t age_ms = backlog.events > 0 ? system_now().ms - backlog.oldest.ms : 0;
    json.add("lagSeconds", std::max<std::int64_t>(age_ms, 0) / 1'000);
  }
  if (model.checkpoint) {
    json.add("generation", model.checkpoint->generation);
    json.add("fingerprint", model.checkpoint->fingerprint);
    json.add("parked", model.checkpoint->parked);
  }
  if (rebuild) json.add("rebuild", to_string(rebuild->state));
  // The comparison from when the serving generation was built, if this process built it.
  if (rebuild && rebuild->rebuilt && model.checkpoint &&
      rebuild->rebuilt->generation == model.checkpoint->generation) {
    const Comparison& comparison = rebuild->rebuilt->comparison;
    json.add("digest", Json{{"rows", comparison.second.rows},
                            {"hash", comparison.second.hash},
                            {"position", comparison.position.value}});
  }
  if (!status.reason.empty()) json.add("reason", status.reason);
  return json;
}

// The read model named in the path.
const ReadModel& asked_model(const http::Request& request) {
  const std::string_view name = request.param("projection");
  for (const ReadModel* model : read_models())
    if (model->name == name) return *model;
  throw Problem{problems::projection_not_found,
                "There is no read model '" + std::string(name) + "'."};
}

std::string progress_path(std::string_view name) {
  return "/projections/" + std::string(name) + "/rebuild";
}

Json to_json(std::string_view name, const RebuildJobs::Status& status) {
  const RebuildProgress& progress = status.progress;
  const std::int64_t until = status.finished_at.value_or(system_now()).ms;
  const std::int64_t ms = std::max<std::int64_t>(1, until - status.started_at.ms);
  Json json{{"name", name},
            {"state", to_string(status.state)},
            {"stage", to_string(progress.stage)},
            {"position", progress.position.value},
            {"target", progress.target.value},
            {"events", progress.events},
            {"eventsPerSecond", static_cast<std::int64_t>(progress.events) * 1'000 / ms},
            {"startedAt", to_string(status.started_at)}};
  if (status.finished_at) json.add("finishedAt", to_string(*status.finished_at));
  if (status.rebuilt) json.add("result", jangbu::to_json(*status.rebuilt));
  if (!status.error.empty()) json.add("reason", status.error);
  return json;
}

constexpr std::size_t most_parked_shown = 100;

Json to_json(const Parked& row) {
  return {{"readModel", row.read_model},
          {"generation", row.generation},
          {"entity", to_string(row.entity)},
          {"event", to_string(row.event)},
          {"reason", row.reason},
          {"parkedAt", to_string(row.parked_at)}};
}

}  // namespace

void list_projections(const Call& call) {
  const RebuildJobs& rebuilds = call.backend.operations->rebuilds;
  Json items = Json::array();
  if (const Projector* projector = call.backend.operations->projector) {
    const auto status = projector->status();
    for (const auto& model : status.read_models)
      items.push_back(to_json(model, status, call.backend.writer(), rebuilds.status(model.name)));
  }
  call.exchange.respond(of_now(200, {{"items", items}, {"next", nullptr}}));
}

void start_rebuild(const Call& call) {
  RebuildJobs& rebuilds = call.backend.operations->rebuilds;
  const ReadModel& model = asked_model(call.request);
  if (!rebuilds.start(model)) {
    const std::string running = rebuilds.running().value_or(std::string(model.name));
    throw Problem{problems::rebuild_running, "The read model " + running +
                                                 " is already being rebuilt. Its progress is at " +
                                                 progress_path(running) + "."};
  }
  auto response = of_now(202, to_json(model.name, rebuilds.status(model.name).value()));
  response.headers.emplace_back("Location", progress_path(model.name));
  call.exchange.respond(std::move(response));
}

void show_rebuild(const Call& call) {
  const std::string_view name = asked_model(call.request).name;
  const auto status = call.backend.operations->rebuilds.status(name);
  if (!status)
    throw Problem{problems::projection_not_found,
                  "This process has not rebuilt the read model '" + std::string(name) + "'."};
  call.exchange.respond(of_now(200, to_json(name, *status)));
}

void list_parked_rows(const Call& call) {
  answer_query(call.backend, {}, call.exchange,
               list_parked(asked_model(call.request), most_parked_shown),
               [](const Page<Parked>& page, Position position) {
                 Json items = Json::array();
                 for (const Parked& row : page.items) items.push_back(to_json(row));
                 return ok({{"items", items}, {"next", nullptr}}, position);
               });
}

}  // namespace jangbu
