#include "api/log/event_filter.hpp"

#include <catch2/catch_test_macros.hpp>

#include "tests/support/samples.hpp"

namespace jangbu::test {

TEST_CASE("places in the log are positions or events") {
  CHECK(parse_place("42") == EventId{{42}, 0});
  CHECK(parse_place("42.1") == EventId{{42}, 1});
  CHECK(parse_last_place("42") == EventId{{42}, EventFilter::last_of_all.index});
  CHECK(parse_last_place("42.1") == EventId{{42}, 1});
  for (const char* text : {"", ".", "42.", ".1", "-1", "first", "42.1.1", " 42"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_place(text));
    CHECK_FALSE(parse_last_place(text));
  }
}

TEST_CASE("a filter takes what is of its stretch, its types, its entity and its actor") {
  const RecordedEvent event{{.actor = "key:till-3"}, AccountOpened{hong}};
  const EventId place{{5}, 1};
  CHECK(EventFilter{}.matches(place, event));
  CHECK(EventFilter{.from = place, .to = place}.matches(place, event));
  CHECK_FALSE(EventFilter{.from = {{5}, 2}}.matches(place, event));
  CHECK_FALSE(EventFilter{.to = {{5}, 0}}.matches(place, event));
  CHECK(EventFilter{.types = {"AccountClosed", "AccountOpened"}}.matches(place, event));
  CHECK_FALSE(EventFilter{.types = {"AccountClosed"}}.matches(place, event));
  CHECK(EventFilter{.entity = id_cast<EntityId>(hong.account)}.matches(place, event));
  CHECK_FALSE(EventFilter{.entity = id_cast<EntityId>(alice.account)}.matches(place, event));
  CHECK(EventFilter{.actor = "key:till-3"}.matches(place, event));
  CHECK_FALSE(EventFilter{.actor = "key:till"}.matches(place, event));
}

TEST_CASE("a filter takes what is about no entity by its stretch and its type") {
  const EventId place{{5}, 0};
  CHECK(EventFilter{.from = place, .to = place}.matches(place, "WriterClaimed"));
  CHECK(EventFilter{.types = {"WriterClaimed"}}.matches(place, "WriterClaimed"));
  CHECK_FALSE(EventFilter{.from = {{5}, 1}}.matches(place, "WriterClaimed"));
  CHECK_FALSE(EventFilter{.types = {"AccountOpened"}}.matches(place, "WriterClaimed"));
  CHECK_FALSE(EventFilter{.entity = EntityId{}}.matches(place, "WriterClaimed"));
  CHECK_FALSE(EventFilter{.actor = "key:till"}.matches(place, "WriterClaimed"));
}

TEST_CASE("every type of event has its name in the list") {
  CHECK(is_event_type("ReceiptConfirmed"));
  CHECK_FALSE(is_event_type("receiptConfirmed"));
  CHECK_FALSE(is_event_type(""));
  CHECK(event_types().starts_with("AccountOpened, "));
  CHECK(event_types().find("DeliveryScanned") == event_types().rfind("DeliveryScanned"));
}

}  // namespace jangbu::test
