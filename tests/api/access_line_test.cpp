#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include "api/telemetry/access_log.hpp"

using namespace jangbu;
using namespace std::chrono_literals;

TEST_CASE("A line of the access log") {
  const http::Route route{http::Method::post, "/purchases", {}, {}};
  http::Access access{.method = http::Method::post,
                      .route = &route,
                      .status = 201,
                      .bytes = 512,
                      .duration = 1'234'567ns,
                      .request_id = "a\"\\b",
                      .traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                      .forwarded = true,
                      .replayed = true,
                      .complete = true};
  CHECK(access_line("purchase", access, "2026-03-01T09:30:00.000Z") ==
        R"({"time":"2026-03-01T09:30:00.000Z","service":"purchase","method":"POST",)"
        R"("route":"/purchases","status":201,"bytes":512,"durationUs":1234,)"
        R"("requestId":"a\"\\b",)"
        R"("traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",)"
        R"("forwarded":true,"replayed":true})");

  access = {.method = {},
            .route = nullptr,
            .status = 0,
            .bytes = 0,
            .duration = 0ns,
            .request_id = "1",
            .traceparent = {},
            .forwarded = false,
            .replayed = false,
            .complete = false};
  CHECK(access_line("account", access, "t") ==
        R"({"time":"t","service":"account","method":null,"route":null,"status":0,"bytes":0,)"
        R"("durationUs":0,"requestId":"1","complete":false})");
}
