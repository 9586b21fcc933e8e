#include "api/services/operations_service.hpp"

#include <algorithm>
#include <atomic>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "api/log/event_filter.hpp"
#include "api/services/backend.hpp"
#include "api/services/load_routes.hpp"
#include "api/services/projection_routes.hpp"
#include "api/streams/log_feed.hpp"

namespace jangbu {

namespace {

using Json = nlohmann::ordered_json;

http::Response json_response(int status, const Json& json) {
  return {status, "application/json", json.dump(), {{"Cache-Control", "no-store"}}};
}

// One that is not here is no fault.
Json writer_check(const Writer* writer) {
  if (!writer) return {{"status", "off"}};
  const Writer::Status status = writer->status();
  Json json{{"status", status.state == Writer::State::active ? "up" : "down"},
            {"state", to_string(status.state)},
            {"position", status.position.value},
            {"queued", status.queued},
            {"idempotencyKeys", status.keys},
            {"idempotencyWindowSeconds", status.key_window_ms / 1'000}};
  if (!status.why.empty()) json["reason"] = status.why;
  return json;
}

Json projector_check(const Projector::Status& status) {
  Json json{{"status", is_up(status.state) ? "up" : "down"},
            {"state", to_string(status.state)},
            {"position", status.position.value},
            {"lag", status.log_end.value - std::min(status.log_end, status.position).value}};
  if (!status.reason.empty()) json["reason"] = status.reason;
  return json;
}

Json up() {
  return {{"status", "up"}};
}
Json down(const std::string& reason) {
  return {{"status", "down"}, {"reason", reason}};
}

// The servers behind the parts. NATS may be connected, and its stream out of order all the same: it
// is the writer that finds that out.
Json log_check(const Parts& parts) {
  if (const std::string why = parts.log_away(); !why.empty()) return down(why);
  if (!parts.writer) return up();
  const Writer::Status status = parts.writer->status();
  return status.state == Writer::State::log_away ? down(status.why) : up();
}

Json database_check(const ReadModels& read_models) {
  const std::string why = read_models.away_because();
  return why.empty() ? up() : down(why);
}

bool is_active(const Writer& writer) {
  return writer.status().state == Writer::State::active;
}

// Ready to take work. Commands need the writer, and go on without the database; so once everything
// has been up, the database away makes this degraded, not unready. Where no commands are taken, all
// work is queries.
class Readiness {
 public:
  explicit Readiness(const Parts& parts) : parts_(parts) {}

  http::Response operator()() {
    const bool reads = parts_.read_models.ready();
    if (reads) began_ = true;
    const bool takes_work = parts_.writer ? began_ && is_active(*parts_.writer) : reads;
    bool all = takes_work && reads;
    Json checks{{"log", log_check(parts_)},
                {"database", database_check(parts_.read_models)},
                {"writer", writer_check(parts_.writer)},
                {"readModels", {{"status", reads ? "up" : "down"}}}};
    if (parts_.projector) {
      const auto projector = parts_.projector->status();
      all = all && is_up(projector.state);
      checks["projector"] = projector_check(projector);
    }
    auto response = json_response(takes_work ? 200 : 503, {{"status", all          ? "up"
                                                                      : takes_work ? "degraded"
                                                                                   : "down"},
                                                           {"checks", std::move(checks)}});
    if (!takes_work) response.headers.emplace_back("Retry-After", "1");
    return response;
  }

 private:
  const Parts parts_;
  std::atomic<bool> began_ = false;  // the read models were there, since this process began
};

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
  if (!is_event_type(type)) invalid("type", "is not a type of event, such as PurchaseCompleted");
  return {std::string(type)};
}

http::Response events_response(const LogSearch::Result& result) {
  if (std::holds_alternative<Unavailable>(result)) return log_away();
  const auto& found = std::get<LogSearch::Found>(result);
  jangbu::Json items = jangbu::Json::array();
  const std::size_t taken = push_page(items, found.events, [](const HistoryRow& event) {
    return to_cloud_event(event.id, event.recorded);
  });
  jangbu::Json next;
  if (taken < found.events.size())
    next = to_string(found.events[taken].id);
  else if (found.next)
    next = to_string(*found.next);
  return ok({{"items", items}, {"next", next}}, found.log_end);
}

void find_events(LogSearch& search, const http::Request& request, const http::Exchange& exchange) {
  or_problem(exchange, [&] {
    search.find({.filter = {.from = first_event(request),
                            .types = asked_types(request),
                            .entity = query_id<EntityId>(request, "entity")},
                 .limit = page_limit(request),
                 .is_wanted = [exchange] { return !exchange.client_left(); }},
                [exchange](LogSearch::Result result) {
                  exchange.respond_from_here([&] { return events_response(result); });
                });
  });
}

void stream_events(EventFeed& feed, const http::Request& request, const http::Exchange& exchange) {
  or_problem(exchange, [&] {
    const auto types = asked_types(request);
    feed.subscribe(exchange,
                   {.entity = query_id<EntityId>(request, "entity"),
                    .type = types.empty() ? std::string() : types.front()},
                   last_event_id(request));
  });
}

}  // namespace

Service operations_service(const Parts& parts) {
  using http::Exchange;
  using http::Method;
  using http::Request;
  Service service{
      .name = "operations",
      .title = "Jangbu operations",
      .description =
          "Is it up, can it take work, how far are the read models, what happened, and metrics; "
          "and rebuilding read models, and bursts of purchases.",
      .routes =
          {{Method::get,
            "/health/live",
            [](Request&&, const Exchange& exchange) {
              exchange.respond(json_response(200, {{"status", "up"}}));
            },
            {.id = "getLiveness", .summary = "Whether the process is up", .gives = "Liveness"}},
           {Method::get,
            "/health/ready",
            [readiness = std::make_shared<Readiness>(parts)](Request&&, const Exchange& exchange) {
              exchange.respond((*readiness)());
            },
            {.id = "getReadiness",
             .summary = "Whether it can take work, and what about each part",
             .gives = "Readiness",
             .gives_when_unavailable = "Readiness"}},
           {Method::get,
            "/metrics",
            [parts](Request&&, const Exchange& exchange) {
              exchange.respond({200,
                                std::string(Metrics::content_type),
                                parts.metrics.text(),
                                {{"Cache-Control", "no-store"}}});
            },
            {.id = "getMetrics",
             .summary = "What the parts count of themselves, for Prometheus",
             .kind = openapi::Kind::text,
             .gives = "Metrics"}},
           {Method::get,
            "/events",
            [parts](Request&& request, const Exchange& exchange) {
              find_events(parts.log_search, request, exchange);
            },
            {.id = "listEvents",
             .summary = "The log, as CloudEvents",
             .description =
                 "The log from a place on, oldest first. One answer looks at no more than "
                 "10,000 commits or 8 MiB, and holds about 1 MiB: it may hold fewer events than "
                 "asked for, or none, although there is a `next`.",
             .kind = openapi::Kind::log,
             .gives = "CloudEvent",
             .parameters = {"from", "eventType", "entity"}}},
           {Method::get,
            "/events/stream",
            [parts](Request&& request, const Exchange& exchange) {
              stream_events(parts.log_feed, request, exchange);
            },
            {.id = "streamEvents",
             .summary = "Follow the log, as CloudEvents",
             .description =
                 "Server-sent events, one of type `event` for every event of the log, with its id. "
                 "It begins now, or after Last-Event-ID, which browsers send by themselves when "
                 "they come back: nothing is missed or told twice; after `0.0`, from the "
                 "beginning. "
                 "Event-Position, and the first `id:`, say where it begins. While the event log is "
                 "away, or with `entity` and Last-Event-ID a read model, it is silent until it can "
                 "go on; what came after the request is told then, and what came shortly before "
                 "may be. A comment comes where there is nothing to say for 15 s. Who does not "
                 "read is cut off. Where there are too many streams, one ends at once; come back "
                 "after the time of its `retry:`. With `entity` it has what that entity's history "
                 "has: "
                 "not that a command found nothing to change (`NothingChanged`).",
             .kind = openapi::Kind::stream,
             .gives = "CloudEvent",
             .event = log_event,
             .parameters = {"eventType", "entity"}}}},
      .page = [&console = parts.console](const Request& request) {
        return console.page_for(request);
      }};
  for (Route& route :
       projection_routes(parts.projector, parts.writer, parts.read_models, parts.rebuilds))
    service.routes.push_back(std::move(route));
  for (Route& route : load_routes(parts.loads)) service.routes.push_back(std::move(route));
  return service;
}

}  // namespace jangbu
