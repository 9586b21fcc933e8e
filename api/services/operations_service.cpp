#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "api/answers/documents.hpp"
#include "api/answers/page.hpp"
#include "api/answers/problem_types.hpp"
#include "api/answers/problems.hpp"
#include "api/answers/represent.hpp"
#include "api/log/event_filter.hpp"
#include "api/log/log_search.hpp"
#include "api/pages/console/console.hpp"
#include "api/pages/static_content.hpp"
#include "api/publishing/schemas.hpp"
#include "api/requests/parameters.hpp"
#include "api/services/operations.hpp"
#include "api/services/readiness.hpp"
#include "api/streams/event_feed.hpp"
#include "api/streams/log_feed.hpp"
#include "api/telemetry/metrics.hpp"

namespace jangbu {

namespace operations_routes {

using http::Exchange;
using http::Method;
using http::Request;
using openapi::Kind;

void live(const Call& call) {
  call.exchange.respond(of_now(200, {{"status", "up"}}));
}

void ready(const Call& call) {
  call.exchange.respond(call.backend.operations->readiness.answer());
}

void metrics(const Call& call) {
  call.exchange.respond({200,
                         std::string(Metrics::content_type),
                         call.backend.operations->metrics.text(),
                         {{"Cache-Control", "no-store"}}});
}

// Who the asker is to the shop, for pages that show what somebody may do.
void who(const Call& call) {
  const Principal& asker = *call.asker();
  Json roles = Json::array();
  for (const std::string_view role : access::words_of(asker.roles)) roles.push_back(role);
  Json json{{"accessControl", call.backend.gatekeeper.is_on()}, {"roles", roles}};
  if (!asker.name.empty()) json.add("name", asker.name);
  if (!asker.carrier.empty()) json.add("carrier", asker.carrier);
  if (call.grant->until) json.add("until", to_string(*call.grant->until));
  call.exchange.respond(of_now(200, json));
}

EventId first_event(const http::Request& request) {
  const auto text = request.query_value("from");
  if (!text) return {{1}, 0};
  const auto from = parse_place(*text);
  if (!from) invalid("from", "is neither a position nor an event id, such as 42.0");
  return std::max(*from, EventId{{1}, 0});
}

std::vector<std::string> asked_types(const http::Request& request) {
  const std::string_view type = request.query_value("type").value_or("");
  if (type.empty()) return {};
  if (!is_event_type(type)) invalid("type", "is not an event type, such as PurchaseCompleted");
  return {std::string(type)};
}

http::Response events_response(const LogSearch::Result& result, const std::string& source) {
  if (std::holds_alternative<Unavailable>(result)) return log_away();
  const auto& found = std::get<LogSearch::Found>(result);
  Json items = Json::array();
  const std::size_t taken = push_page(items, found.events, [&](const LogSearch::FoundEvent& event) {
    return to_cloud_event(source, event.id, event.recorded, event.author);
  });
  Json next;
  if (taken < found.events.size())
    next = to_string(found.events[taken].id);
  else if (found.next)
    next = to_string(*found.next);
  return ok({{"items", items}, {"next", next}}, found.log_end);
}

void list_events(const Call& call) {
  call.backend.operations->log_search.find(
      {.filter = {.from = first_event(call.request),
                  .types = asked_types(call.request),
                  .entity = query_id<EntityId>(call.request, "entity")},
       .limit = page_limit(call.request),
       .is_wanted = [exchange = call.exchange] { return !exchange.client_left(); }},
      [exchange = call.exchange,
       source = call.backend.operations->source](LogSearch::Result result) {
        exchange.respond_from_here([&] { return events_response(result, source); });
      });
}

void stream_events(const Call& call) {
  const auto types = asked_types(call.request);
  call.backend.operations->log_feed.subscribe(
      call.exchange,
      {.entity = query_id<EntityId>(call.request, "entity"),
       .type = types.empty() ? std::string() : types.front()},
      last_event_id(call.request), *call.asker(), call.held());
}

constexpr std::string_view schema_media_type = "application/schema+json";

// The schemas as they are served, by type and version: PurchaseCompleted/1.
const std::map<std::string, StaticContent>& schema_contents() {
  static const auto contents = [] {
    std::map<std::string, StaticContent> all;
    for (const PublicSchema& schema : public_schemas())
      all.emplace(std::string(schema.type) + '/' + std::to_string(schema.version),
                  StaticContent(std::string(schema.text), std::string(schema_media_type)));
    return all;
  }();
  return contents;
}

void show_schema(const Call& call) {
  const std::string name =
      std::string(call.request.param("type")) + '/' + std::string(call.request.param("version"));
  const auto found = schema_contents().find(name);
  if (found == schema_contents().end())
    return call.exchange.respond(
        http::problem(problems::not_found,
                      "There is no schema " + name + ". /asyncapi.json tells which are in use."));
  call.exchange.respond(found->second.respond(call.request));
}

void show_asyncapi(const Call& call) {
  call.exchange.respond(call.backend.operations->asyncapi.respond(call.request));
}

const Endpoint endpoints[] = {
    {live,
     {.method = Method::get,
      .path = "/health/live",
      .id = "getLiveness",
      .summary = "Whether the process is up",
      .gives = "Liveness"}},
    {ready,
     {.method = Method::get,
      .path = "/health/ready",
      .id = "getReadiness",
      .summary = "Whether it can take work, and the state of each part",
      .gives = "Readiness",
      .gives_when_unavailable = "Readiness"}},
    {who,
     {.method = Method::get,
      .path = "/me",
      .id = "getAsker",
      .summary = "Who you are to the shop, and your roles",
      .description = "Where access control is off, nobody in particular.",
      .gives = "Asker"}},
    {metrics,
     {.method = Method::get,
      .path = "/metrics",
      .id = "getMetrics",
      .summary = "Metrics for Prometheus",
      .kind = Kind::text,
      .gives = "Metrics"}},
    {hand_over_writer,
     {.method = Method::post,
      .path = "/writer/handover",
      .id = "handOverWriter",
      .summary = "Have another instance decide commands",
      .description =
          "Asked of the active instance: names one of its standbys as its successor, and stands by "
          "itself. Commands are held meanwhile, for some milliseconds. Nothing happens, and "
          "`detail` says why, if this instance is not active or no standby can take over.",
      .gives = "HandOver",
      .problems = {problems::not_handed_over}}},
    {list_events,
     {.method = Method::get,
      .path = "/events",
      .id = "listEvents",
      .summary = "The log, as CloudEvents",
      .description =
          "The log from a given place, oldest first. One answer covers at most 10,000 commits or "
          "8 MiB and holds about 1 MiB, so it may hold fewer events than asked for, or none, "
          "although there is a `next`.",
      .kind = Kind::log,
      .gives = "CloudEvent",
      .parameters = {"from", "eventType", "entity"}}},
    {stream_events,
     {.method = Method::get,
      .path = "/events/stream",
      .id = "streamEvents",
      .summary = "Follow the log, as CloudEvents",
      .description =
          "Server-sent events: one of type `event` for every event in the log, with its id. The "
          "stream begins now, or after Last-Event-ID, which browsers send by themselves when they "
          "reconnect: nothing is missed or repeated; after `0.0`, from the beginning. "
          "Event-Position and the first `id:` say where it begins. While the event log is down, or "
          "with `entity` and Last-Event-ID a read model, the stream is silent until it can "
          "continue; it then sends what came after the request, and perhaps what came shortly "
          "before. After 15 s of silence a comment is sent. A client that does not read is cut "
          "off. When there are too many streams, a new one ends at once; reconnect after the time "
          "its `retry:` gives. With `entity` the stream has what that entity's history has: no "
          "`NothingChanged`, which says that a command found nothing to change.",
      .kind = Kind::stream,
      .gives = "CloudEvent",
      .event = log_event,
      .parameters = {"eventType", "entity"}}},
    {show_asyncapi,
     {.method = Method::get,
      .path = "/asyncapi.json",
      .id = "getAsyncApi",
      .summary = "The public events, as an AsyncAPI document",
      .description = "Which events other teams can listen to, where, and how they look.",
      .kind = Kind::content,
      .gives = "AsyncApi"}},
    {show_schema,
     {.method = Method::get,
      .path = "/schemas/{type}/{version}",
      .id = "getSchema",
      .summary = "The schema of a public event's data",
      .description = "Its name, and the `dataschema` of its events, is `jangbu:` and this path. A "
                     "version once published gets optional fields at most.",
      .kind = Kind::content,
      .gives = "PublicSchema",
      .media_type = schema_media_type,
      .problems = {problems::not_found}}},
    {list_projections,
     {.method = Method::get,
      .path = "/projections",
      .id = "listProjections",
      .summary = "How far the read models are",
      .description = "The read models this build serves from; none when another process fills "
                     "them (--no-projector).",
      .gives = "Projections"}},
    {start_rebuild,
     {.method = Method::post,
      .path = "/projections/{projection}/rebuild",
      .id = "rebuildProjection",
      .summary = "Rebuild a read model while it serves",
      .description =
          "Replays the log into a new generation, compares it with the one that serves, and "
          "swaps them. Queries and commands go on. One rebuild at a time.",
      .kind = Kind::job,
      .gives = "Rebuild",
      .problems = {problems::projection_not_found, problems::rebuild_running}}},
    {show_rebuild,
     {.method = Method::get,
      .path = "/projections/{projection}/rebuild",
      .id = "getRebuild",
      .summary = "Progress or result of a read model's last rebuild",
      .gives = "Rebuild",
      .example = "done",
      .problems = {problems::projection_not_found}}},
    {list_parked_rows,
     {.method = Method::get,
      .path = "/projections/{projection}/parked",
      .id = "listParked",
      .summary = "List the frozen rows of a read model",
      .description =
          "In the generation that serves: each is frozen since an event that could not be folded "
          "into it. The first 100; `jangbu projections parked` lists them all, and folds them "
          "again.",
      .gives = "ParkedRows",
      .problems = {problems::projection_not_found, problems::read_model_unavailable}}},
    {list_webhooks,
     {.method = Method::get,
      .path = "/webhooks",
      .id = "listWebhooks",
      .summary = "The webhooks, and their states",
      .description = "Those in the configuration of this process.",
      .gives = "Webhooks"}},
    {show_webhook,
     {.method = Method::get,
      .path = "/webhooks/{webhook}",
      .id = "getWebhook",
      .summary = "How a webhook fares",
      .gives = "Webhook",
      .problems = {problems::webhook_not_found}}},
    {pause_webhook,
     {.method = Method::post,
      .path = "/webhooks/{webhook}/pause",
      .id = "pauseWebhook",
      .summary = "Deliver nothing to a webhook for now",
      .description = "In all processes. Events wait for it as long as the public stream has them.",
      .takes = "WebhookPause",
      .body_is_optional = true,
      .gives = "Webhook",
      .example = "paused",
      .problems = {problems::webhook_not_found, problems::public_stream_away}}},
    {resume_webhook,
     {.method = Method::post,
      .path = "/webhooks/{webhook}/resume",
      .id = "resumeWebhook",
      .summary = "Deliver to a webhook again, at once",
      .description = "Whether it was paused, off or failing.",
      .gives = "Webhook",
      .problems = {problems::webhook_not_found, problems::public_stream_away}}},
    {replay_webhook,
     {.method = Method::post,
      .path = "/webhooks/{webhook}/replay",
      .id = "replayWebhook",
      .summary = "Deliver events to a webhook again, from a place on",
      .description = "In their order, and then what is new. Those that were parked and are taken "
                     "this time are parked no more.",
      .takes = "WebhookReplay",
      .gives = "Webhook",
      .example = "replayed",
      .problems = {problems::webhook_not_found, problems::public_stream_away}}},
    {test_webhook,
     {.method = Method::post,
      .path = "/webhooks/{webhook}/test",
      .id = "testWebhook",
      .summary = "Send a webhook an event of type Test",
      .description = "At once, past all that wait, and whatever its state is.",
      .gives = "WebhookTest",
      .problems = {problems::webhook_not_found, problems::overloaded}}},
    {start_load,
     {.method = Method::post,
      .path = "/load",
      .id = "startLoad",
      .summary = "Start a burst of purchases",
      .description =
          "Opens its own accounts, lists its own products, buys at the given rate, some of it a "
          "hot product that will run out, and finally checks that the answers, the log and the "
          "read model agree. The shop is its own client, on loopback, so the limits are lower than "
          "those of `jangbu load`. The purchases stay in the log for ever, so the shop must have "
          "been started with `--allow-load`. One burst at a time.",
      .kind = Kind::job,
      .takes = "LoadOptions",
      .gives = "Load",
      .example = "running",
      .problems = {problems::load_not_allowed, problems::load_running}}},
    {show_load,
     {.method = Method::get,
      .path = "/load",
      .id = "getLoad",
      .summary = "Progress or result of the last burst of purchases",
      .gives = "Load",
      .example = "done"}},
    {stop_load,
     {.method = Method::delete_,
      .path = "/load",
      .id = "stopLoad",
      .summary = "Stop the running burst",
      .description = "Nothing more is sent; what was sent is still settled and checked. The answer "
                     "does not wait for that: see GET /load. If none is running, nothing happens.",
      .gives = "Load",
      .example = "settling"}}};

}  // namespace operations_routes

const Service operations_service{
    .name = "operations",
    .title = "Jangbu operations",
    .description =
        "Health, metrics, the event log, the progress and rebuilding of read models, webhooks, and "
        "bursts of purchases.",
    .endpoints = operations_routes::endpoints,
    .page = [](const Backend& backend, const http::Request& request) {
      return backend.operations->console.page_for(request);
    }};

}  // namespace jangbu
