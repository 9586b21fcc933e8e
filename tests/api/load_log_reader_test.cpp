// Server-sent events, however they are cut into pieces.
#include "api/load/log_reader.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

namespace jangbu::loadgen {

namespace {

const std::string stream =
    "id: 4.1\n\n"
    ": a heartbeat\n\n"
    "id: 5.0\nevent: event\ndata: {\"name\": \"홍길동\"}\n\n"
    "id: 5.1\r\ndata:{\"two\":\r\ndata:  2}\r\n\r\n"
    "event: event\ndata: {}\nid: 5.2\n\n"
    "data: the end of this one has not come\n";

const std::vector<std::string> expected{"{\"name\": \"홍길동\"}", "{\"two\":\n 2}", "{}"};

}  // namespace

TEST_CASE("Server-sent events are whole, however they come") {
  for (std::size_t size = 1; size <= stream.size(); ++size) {
    CAPTURE(size);
    ServerSentEvents events;
    std::vector<std::string> found;
    std::string text;
    for (std::size_t at = 0; at < stream.size(); at += size) {
      text += stream.substr(at, size);
      events.take(text, [&](std::string_view data) { found.emplace_back(data); });
    }
    REQUIRE(found == expected);
  }
}

}  // namespace jangbu::loadgen
