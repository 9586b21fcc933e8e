#include "api/services/projection_routes.hpp"

#include <algorithm>
#include <string>

#include "api/answers/problem_types.hpp"
#include "api/answers/rebuilds.hpp"
#include "api/services/backend.hpp"
#include "infra/ids.hpp"
#include "projections/tables/registry.hpp"
#include "projections/writing/parked.hpp"

namespace jangbu {

namespace {

http::Response json_response(int status, const Json& json) {
  return {status, "application/json", json.text(), {{"Cache-Control", "no-store"}}};
}

// Of one read model: its own state is that of who fills it, or that it is being built.
Json to_json(const Projector::ReadModelStatus& model, const Projector::Status& status,
             const Writer* writer, const std::optional<RebuildJobs::Status>& rebuild) {
  const Position position = model.checkpoint ? model.checkpoint->position : Position{};
  const Position end =
      writer ? std::max(status.log_end, writer->status().position) : status.log_end;
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
  // What was found out when the generation that serves was made, if that was here.
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

http::Response list(const Projector* projector, const Writer* writer, const RebuildJobs& rebuilds) {
  Json items = Json::array();
  if (projector) {
    const auto status = projector->status();
    for (const auto& model : status.read_models)
      items.push_back(to_json(model, status, writer, rebuilds.status(model.name)));
  }
  return json_response(200, {{"items", items}, {"next", nullptr}});
}

const ReadModel* find_model(std::string_view name) {
  for (const ReadModel* model : read_models())
    if (model->name == name) return model;
  return nullptr;
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

http::Response no_such_model(std::string_view name) {
  return http::problem(problems::projection_not_found,
                       "There is no read model '" + std::string(name) + "'.");
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

void answer_parked(ReadModels& read_models, const http::Request& request,
                   const http::Exchange& exchange) {
  const auto name = request.param("projection");
  const ReadModel* model = find_model(name);
  if (!model) return exchange.respond(no_such_model(name));
  read_models.query<Page<Parked>>(
      list_parked(*model, most_parked_shown), {}, [exchange](QueryResult<Page<Parked>> result) {
        exchange.respond_with([result = std::move(result)] {
          return response_of(result, {}, [](const Page<Parked>& page, Position position) {
            Json items = Json::array();
            for (const Parked& row : page.items) items.push_back(to_json(row));
            return ok({{"items", items}, {"next", nullptr}}, position);
          });
        });
      });
}

http::Response start(RebuildJobs& rebuilds, const http::Request& request) {
  const auto name = request.param("projection");
  const ReadModel* model = find_model(name);
  if (!model) return no_such_model(name);
  if (!rebuilds.start(*model))
    return http::problem(problems::rebuild_running,
                         "The read model " + rebuilds.running().value_or(std::string(name)) +
                             " is being rebuilt already. Its progress is at " +
                             progress_path(rebuilds.running().value_or(std::string(name))) + ".");
  auto response = json_response(202, to_json(name, rebuilds.status(name).value()));
  response.headers.emplace_back("Location", progress_path(name));
  return response;
}

http::Response progress(const RebuildJobs& rebuilds, const http::Request& request) {
  const auto name = request.param("projection");
  if (!find_model(name)) return no_such_model(name);
  const auto status = rebuilds.status(name);
  if (!status)
    return http::problem(
        problems::projection_not_found,
        "This process has not rebuilt the read model '" + std::string(name) + "'.");
  return json_response(200, to_json(name, *status));
}

}  // namespace

std::vector<Route> projection_routes(const Projector* projector, const Writer* writer,
                                     ReadModels& read_models, RebuildJobs& rebuilds) {
  using http::Exchange;
  using http::Method;
  using http::Request;
  return {{Method::get,
           "/projections",
           [projector, writer, &rebuilds](Request&&, const Exchange& exchange) {
             exchange.respond(list(projector, writer, rebuilds));
           },
           {.id = "listProjections",
            .summary = "How far the read models are",
            .description = "Of the read models that this build serves from; none where another "
                           "process fills them (--no-projector).",
            .gives = "Projections"}},
          {Method::post,
           "/projections/{projection}/rebuild",
           [&rebuilds](Request&& request, const Exchange& exchange) {
             exchange.respond(start(rebuilds, request));
           },
           {.id = "rebuildProjection",
            .summary = "Rebuild a read model while it serves",
            .description =
                "Replays the log into a new generation, compares it with the one that serves, and "
                "lets it take over. Queries and commands go on. One rebuild at a time.",
            .kind = openapi::Kind::job,
            .gives = "Rebuild",
            .problems = {problems::projection_not_found, problems::rebuild_running}}},
          {Method::get,
           "/projections/{projection}/rebuild",
           [&rebuilds](Request&& request, const Exchange& exchange) {
             exchange.respond(progress(rebuilds, request));
           },
           {.id = "getRebuild",
            .summary = "How far the last rebuild of a read model is, or what it found",
            .gives = "Rebuild",
            .example = "done",
            .problems = {problems::projection_not_found}}},
          {Method::get,
           "/projections/{projection}/parked",
           [&read_models](Request&& request, const Exchange& exchange) {
             answer_parked(read_models, request, exchange);
           },
           {.id = "listParked",
            .summary = "The rows of a read model that are frozen",
            .description =
                "In the generation that serves: each since an event that could not be folded into "
                "it. The first 100 of them; `jangbu projections parked` lists all, and folds them "
                "again.",
            .gives = "ParkedRows",
            .problems = {problems::projection_not_found, problems::read_model_unavailable}}}};
}

}  // namespace jangbu
