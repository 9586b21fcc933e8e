#include "api/services/load_routes.hpp"

#include <string>

#include "api/answers/problem_types.hpp"
#include "api/load/json.hpp"
#include "api/services/backend.hpp"
#include "infra/ids.hpp"

namespace jangbu {

namespace {

http::Response show(int status, const LoadJobs& jobs) {
  Json json{{"allowed", jobs.allowed()}};
  if (const auto snapshot = jobs.snapshot())
    json.add_all(load::to_json(*snapshot, system_now()));
  else
    json.add("state", "none");
  return {status, "application/json", std::move(json).text(), {{"Cache-Control", "no-store"}}};
}

load::Options read_options(const http::Request& request) {
  constexpr const load::Bounds& bounds = load::http_bounds;
  Body body = json_body(request);
  load::Options options;
  const auto read = [&](const char* field, std::int64_t& option, const load::Range& range) {
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

void start(LoadJobs& jobs, const http::Request& request, const http::Exchange& exchange) {
  if (!jobs.allowed())
    return exchange.respond(http::problem(
        problems::load_not_allowed,
        "What a burst buys stays in the log for ever. Start the shop with jangbu serve "
        "--allow-load (JANGBU_ALLOW_LOAD) where that is as it should be."));
  or_problem(exchange, [&] {
    switch (jobs.start(read_options(request))) {
      case LoadJobs::Start::closed: {
        auto later = http::problem(problems::unavailable, "The server is stopping.");
        later.headers.emplace_back("Retry-After", "1");
        return exchange.respond(std::move(later));
      }
      case LoadJobs::Start::another_is_under_way:
        return exchange.respond(http::problem(
            problems::load_running,
            "A burst is under way. Its progress is at /load, and DELETE /load stops it."));
      case LoadJobs::Start::begun:
        auto response = show(202, jobs);
        response.headers.emplace_back("Location", "/load");
        exchange.respond(std::move(response));
    }
  });
}

}  // namespace

std::vector<Route> load_routes(LoadJobs& jobs) {
  using http::Exchange;
  using http::Method;
  using http::Request;
  return {
      {Method::post,
       "/load",
       [&jobs](Request&& request, const Exchange& exchange) { start(jobs, request, exchange); },
       {.id = "startLoad",
        .summary = "Begin a burst of purchases",
        .description =
            "Opens accounts and lists products of its own, buys at the rate asked for, some of it "
            "of a hot product that there is too little of, and checks at the end that the answers, "
            "the log and the read model agree. The shop is its own client, on loopback, so the "
            "bounds are tighter than those of `jangbu load`. The purchases stay in the log for "
            "ever: only where `--allow-load` was said. One burst at a time.",
        .kind = openapi::Kind::job,
        .takes = "LoadOptions",
        .gives = "Load",
        .example = "running",
        .problems = {problems::load_not_allowed, problems::load_running}}},
      {Method::get,
       "/load",
       [&jobs](Request&&, const Exchange& exchange) { exchange.respond(show(200, jobs)); },
       {.id = "getLoad",
        .summary = "How far the last burst of purchases is, or what it found",
        .gives = "Load",
        .example = "done"}},
      {Method::delete_,
       "/load",
       [&jobs](Request&&, const Exchange& exchange) {
         jobs.stop();
         exchange.respond(show(200, jobs));
       },
       {.id = "stopLoad",
        .summary = "Stop the burst that is under way",
        .description = "Nothing more is sent; what was sent is settled and checked, and the answer "
                       "does not wait for that: see GET /load. Where none is under way nothing "
                       "happens.",
        .gives = "Load",
        .example = "settling"}}};
}

}  // namespace jangbu
