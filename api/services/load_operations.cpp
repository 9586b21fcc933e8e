#include <string>

#include "api/answers/documents.hpp"
#include "api/answers/problem_types.hpp"
#include "api/jobs/load_jobs.hpp"
#include "api/load/json.hpp"
#include "api/requests/parameters.hpp"
#include "api/services/operations.hpp"
#include "infra/ids.hpp"

namespace jangbu {

namespace {

http::Response show(int status, const LoadJobs& jobs) {
  Json json{{"allowed", jobs.allowed()}};
  if (const auto snapshot = jobs.snapshot())
    json.add_all(loadgen::to_json(*snapshot, system_now()));
  else
    json.add("state", "none");
  return of_now(status, json);
}

loadgen::Options read_options(const http::Request& request) {
  constexpr const loadgen::Bounds& bounds = loadgen::http_bounds;
  Body body = json_body(request);
  loadgen::Options options;
  const auto read = [&](const char* field, std::int64_t& option, const loadgen::Range& range) {
    if (body.has(field)) option = body.integer(field, range.min, range.max);
  };
  read("rate", options.rate, bounds.rate);
  read("seconds", options.seconds, bounds.seconds);
  read("buyers", options.buyers, bounds.buyers);
  read("products", options.products, bounds.products);
  read("connections", options.connections, bounds.connections);
  if (body.has("hotShare")) options.hot_share = body.number("hotShare", 0, 1);
  body.no_more();
  return options;
}

}  // namespace

void start_load(const Call& call) {
  LoadJobs& jobs = call.backend.operations->loads;
  if (!jobs.allowed())
    throw Problem{problems::load_not_allowed,
                  "What a burst buys stays in the log for ever. If that is acceptable here, start "
                  "the shop with jangbu serve --allow-load (JANGBU_ALLOW_LOAD)."};
  switch (jobs.start(read_options(call.request))) {
    case LoadJobs::Start::closed:
      throw Problem{
          .type = problems::unavailable, .detail = "The server is stopping.", .retry_after_s = 1};
    case LoadJobs::Start::another_is_under_way:
      throw Problem{
          problems::load_running,
          "A burst is already running. GET /load shows its progress, DELETE /load stops it."};
    case LoadJobs::Start::begun:
      auto response = show(202, jobs);
      response.headers.emplace_back("Location", "/load");
      call.exchange.respond(std::move(response));
  }
}

void show_load(const Call& call) {
  call.exchange.respond(show(200, call.backend.operations->loads));
}

void stop_load(const Call& call) {
  call.backend.operations->loads.stop();
  call.exchange.respond(show(200, call.backend.operations->loads));
}

}  // namespace jangbu
