#include "api/load/json.hpp"

#include <algorithm>
#include <cstdio>
#include <map>
#include <string>

namespace jangbu::loadgen {

namespace {

Json decimal(double number, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, number);
  return Json::raw(text);
}

Json ms(std::chrono::microseconds time) {
  return decimal(static_cast<double>(time.count()) / 1'000, 3);
}

Json to_json(const Options& options) {
  return {{"rate", options.rate},
          {"seconds", options.seconds},
          {"buyers", options.buyers},
          {"products", options.products},
          {"hotShare", decimal(options.hot_share, 3)},
          {"connections", options.connections}};
}

Json to_json(const Latencies& latencies) {
  return {{"p50", ms(latencies.p50)},
          {"p90", ms(latencies.p90)},
          {"p99", ms(latencies.p99)},
          {"max", ms(latencies.max)}};
}

Json to_json(const std::map<std::string, std::uint64_t>& refused) {
  Json json = Json::object();
  for (const auto& [code, count] : refused) json.add(code, count);
  return json;
}

Json to_json(const Second& second) {
  return {{"second", second.second},
          {"purchased", second.purchased},
          {"refused", to_json(second.refused)},
          {"latencyMs", to_json(second.latencies)},
          {"behind", second.behind}};
}

}  // namespace

Json to_json(const Snapshot& snapshot, Timestamp now) {
  const Figures& figures = snapshot.figures;
  const std::int64_t elapsed_ms = snapshot.finished_at.value_or(now).ms - snapshot.started_at.ms;
  Json seconds = Json::array();
  for (const Second& second : figures.seconds) seconds.push_back(to_json(second));
  Json invariants = Json::array();
  for (const Invariant& one : snapshot.invariants)
    invariants.push_back(Json{{"name", one.name}, {"ok", one.ok}, {"detail", one.detail}});
  const Second last = figures.seconds.empty() ? Second{} : figures.seconds.back();

  Json json{{"state", to_string(snapshot.state)},
            {"run", snapshot.run},
            {"options", to_json(snapshot.options)},
            {"startedAt", to_string(snapshot.started_at)},
            {"elapsedSeconds",
             decimal(static_cast<double>(std::max<std::int64_t>(elapsed_ms, 0)) / 1'000, 3)},
            {"planned", snapshot.options.purchases()},
            {"sent", figures.sent},
            {"purchased", figures.purchased},
            {"refused", to_json(figures.refused)},
            {"uncertain", figures.uncertain},
            {"repeated", figures.repeated},
            {"notSent", figures.not_sent},
            {"ratePerSecond", last.purchased},
            {"latencyMs", to_json(last.latencies)},
            {"overallLatencyMs", to_json(figures.overall)},
            {"seconds", seconds},
            {"checkedEvents", snapshot.checked},
            {"invariants", invariants}};
  if (snapshot.finished_at) json.add("finishedAt", to_string(*snapshot.finished_at));
  if (!snapshot.reason.empty()) json.add("reason", snapshot.reason);
  return json;
}

}  // namespace jangbu::loadgen
