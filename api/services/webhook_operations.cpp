#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "api/answers/documents.hpp"
#include "api/answers/problem_types.hpp"
#include "api/log/event_filter.hpp"
#include "api/requests/body.hpp"
#include "api/requests/parameters.hpp"
#include "api/services/operations.hpp"
#include "api/webhooks/webhooks.hpp"
#include "events/errors.hpp"
#include "infra/log.hpp"

namespace jangbu {

namespace {

using webhook::Courier;
using CourierPtr = webhook::Webhooks::CourierPtr;

constexpr std::size_t longest_pause_reason = 200;

Json to_json(const Courier::Attempt& attempt) {
  Json json{{"at", to_string(attempt.at)}, {"outcome", to_string(attempt.outcome.kind)}};
  if (attempt.outcome.status > 0) json.add("status", attempt.outcome.status);
  json.add("milliseconds", attempt.outcome.took.count());
  return json;
}

Json to_json(const Courier& courier) {
  const webhook::Endpoint& endpoint = courier.endpoint();
  const Courier::Status status = courier.status();
  Json types = Json::array();
  for (const std::string& type : endpoint.types) types.push_back(type);
  Json json{{"name", endpoint.name},
            {"url", webhook::shown_url(endpoint.url)},
            {"types", types},
            {"state", to_string(status.state)}};
  if (!status.reason.empty()) json.add("reason", status.reason);
  if (status.since) json.add("since", to_string(*status.since));
  if (status.next_attempt) json.add("nextAttempt", to_string(*status.next_attempt));
  json.add("pending", status.pending);
  json.add("parked", status.parked);
  if (status.last) json.add("lastAttempt", to_json(*status.last));
  if (status.delivered_at) json.add("deliveredAt", to_string(*status.delivered_at));
  return json;
}

Json with_parked_ids(const Courier& courier) {
  Json ids = Json::array();
  for (const EventId id : courier.status().parked_ids) ids.push_back(to_string(id));
  Json json = to_json(courier);
  json.add("parkedIds", ids);
  return json;
}

CourierPtr asked_webhook(const Backend& backend, const http::Request& request) {
  const std::string_view name = request.param("webhook");
  if (auto courier = backend.operations->webhooks.find(name)) return courier;
  throw Problem{problems::webhook_not_found,
                "There is no webhook '" + std::string(name) +
                    "' in the configuration of this process. GET /webhooks lists them."};
}

Problem stream_away() {
  return {.type = problems::public_stream_away,
          .detail = "The stream of public events does not answer, or does not exist yet.",
          .retry_after_s = 1};
}

// Answers with what `ask` makes of the webhook, on a thread that may wait for NATS.
void answer_later(const Backend& backend, const http::Exchange& exchange, CourierPtr courier,
                  std::function<http::Response(Courier&)> ask) {
  backend.operations->webhooks.ask(
      [exchange, courier = std::move(courier), ask = std::move(ask)](bool wanted) {
        exchange.respond_from_here([&]() -> http::Response {
          if (!wanted) return stream_away();
          try {
            return ask(*courier);
          } catch (const Unavailable& away) {
            log::warn("webhook {}: {}", courier->endpoint().name, away.what());
            return stream_away();
          }
        });
      });
}

}  // namespace

void list_webhooks(const Call& call) {
  Json items = Json::array();
  for (const CourierPtr& courier : call.backend.operations->webhooks.all())
    items.push_back(to_json(*courier));
  call.exchange.respond(of_now(200, {{"items", items}, {"next", nullptr}}));
}

void show_webhook(const Call& call) {
  call.exchange.respond(of_now(200, with_parked_ids(*asked_webhook(call.backend, call.request))));
}

void pause_webhook(const Call& call) {
  auto courier = asked_webhook(call.backend, call.request);
  std::string reason;
  if (!call.request.body.empty()) {
    Body body = json_body(call.request);
    reason = body.optional_text("reason", longest_pause_reason);
    body.no_more();
  }
  answer_later(call.backend, call.exchange, std::move(courier), [reason](Courier& asked) {
    asked.pause(reason);
    return of_now(200, with_parked_ids(asked));
  });
}

void resume_webhook(const Call& call) {
  answer_later(call.backend, call.exchange, asked_webhook(call.backend, call.request),
               [](Courier& asked) {
                 asked.resume();
                 return of_now(200, with_parked_ids(asked));
               });
}

void replay_webhook(const Call& call) {
  auto courier = asked_webhook(call.backend, call.request);
  Body body = json_body(call.request);
  const auto from = parse_place(body.token("from"));
  if (!from) invalid("from", "is neither a position nor an event id, such as 42.0");
  body.no_more();
  answer_later(call.backend, call.exchange, std::move(courier), [from](Courier& asked) {
    const auto first = asked.replay(*from);
    Json json = with_parked_ids(asked);
    json.add("replayedFrom", first ? Json(to_string(*first)) : Json());
    return of_now(200, json);
  });
}

void test_webhook(const Call& call) {
  call.backend.operations->webhooks.try_out(
      [exchange = call.exchange, courier = asked_webhook(call.backend, call.request)](
          bool wanted, const std::stop_token& stop) {
        exchange.respond_from_here([&]() -> http::Response {
          if (!wanted)
            return Problem{.type = problems::overloaded,
                           .detail = "Too many tests of webhooks wait.",
                           .retry_after_s = 1};
          const webhook::Outcome outcome = courier->test(stop);
          Json json{{"delivered", outcome.delivered()}, {"outcome", to_string(outcome.kind)}};
          if (outcome.status > 0) json.add("status", outcome.status);
          json.add("milliseconds", outcome.took.count());
          json.add("detail", describe(outcome));
          return of_now(200, json);
        });
      });
}

}  // namespace jangbu
