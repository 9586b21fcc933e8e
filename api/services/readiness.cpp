#include "api/services/readiness.hpp"

#include <algorithm>
#include <utility>

#include "api/answers/documents.hpp"
#include "api/publishing/publisher.hpp"
#include "api/telemetry/metrics.hpp"
#include "commands/writer.hpp"
#include "infra/eventlog/replicas.hpp"
#include "projections/queries/read_models.hpp"
#include "projections/writing/projector.hpp"

namespace jangbu {

namespace {

// A standby is as good as the active one, as long as it knows who that is.
bool is_serving(const Writer::Status& status) {
  return status.state == Writer::State::active ||
         (status.state == Writer::State::standby && status.standing.term != Position{});
}

// A writer in another process is no fault.
Json writer_check(const Writer* writer) {
  if (!writer) return {{"status", "off"}};
  const Writer::Status status = writer->status();
  Json json{{"status", is_serving(status) ? "up" : "down"},
            {"state", to_string(status.state)},
            {"position", status.position.value},
            {"instance", writer->options().machine.self.name},
            {"active", status.standing.name},
            {"term", status.standing.term.value},
            {"candidate", status.is_candidate},
            {"queued", status.queued},
            {"idempotencyKeys", status.keys},
            {"idempotencyWindowSeconds", status.key_window_ms / 1'000}};
  if (status.standing.term != Position{}) json.add("since", to_string(status.standing.since));
  if (!status.why.empty()) json.add("reason", status.why);
  return json;
}

// Of a part that follows the log: the projector, or the publisher.
template <class Status>
Json follower_check(const Status& status, const Writer* writer) {
  const Position end = log_end(status.log_end, writer);
  Json json{{"status", is_up(status.state) ? "up" : "down"},
            {"state", to_string(status.state)},
            {"position", status.position.value},
            {"lag", end.value - std::min(end, status.position).value}};
  if (!status.reason.empty()) json.add("reason", status.reason);
  return json;
}

// Up, unless there is a reason why not.
Json up_unless(const std::string& why_not) {
  if (why_not.empty()) return {{"status", "up"}};
  return {{"status", "down"}, {"reason", why_not}};
}

// NATS may be connected although its stream is unusable: only the writer finds that out.
std::string log_away(const Readiness::Parts& parts) {
  std::string why = parts.log_away();
  if (!why.empty() || !parts.writer) return why;
  const Writer::Status status = parts.writer->status();
  if (status.state != Writer::State::log_away) return "";
  return status.why.empty() ? "it does not answer" : status.why;
}

const char* state_of(const Replica& replica) {
  if (replica.leads) return "leading";
  return replica.current ? "current" : "behind";
}

Json log_check(const Readiness::Parts& parts) {
  Json check = up_unless(log_away(parts));
  const auto replicas = parts.replicas.replicas();
  if (!replicas) return check;
  Json each = Json::array();
  for (const Replica& replica : replicas->each) {
    Json json{{"server", replica.server}, {"state", state_of(replica)}, {"lag", replica.lag}};
    if (replica.end) json.add("position", replica.end->value);
    if (!replica.weakness.empty()) json.add("reason", replica.weakness);
    each.push_back(json);
  }
  check.add("replicas", each);
  return check;
}

}  // namespace

Readiness::Readiness(Parts parts) : parts_(std::move(parts)) {}

http::Response Readiness::answer() {
  const bool reads = parts_.read_models.ready();
  if (reads) began_ = true;
  const bool takes_work = parts_.writer ? began_ && is_serving(parts_.writer->status()) : reads;
  bool all = takes_work && reads;
  Json checks{{"log", log_check(parts_)},
              {"database", up_unless(parts_.read_models.away_because())},
              {"writer", writer_check(parts_.writer)},
              {"readModels", Json{{"status", reads ? "up" : "down"}}}};
  if (parts_.projector) {
    const auto projector = parts_.projector->status();
    all = all && is_up(projector.state);
    checks.add("projector", follower_check(projector, parts_.writer));
  }
  if (parts_.publisher) {
    const auto publisher = parts_.publisher->status();
    all = all && is_up(publisher.state);
    checks.add("publisher", follower_check(publisher, parts_.writer));
  }
  const char* status = all ? "up" : takes_work ? "degraded" : "down";
  auto response = of_now(takes_work ? 200 : 503, {{"status", status}, {"checks", checks}});
  if (!takes_work) response.headers.emplace_back("Retry-After", "1");
  return response;
}

}  // namespace jangbu
