// The contract with other teams: what is public, what is not, and that it stays as it was
// published.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <variant>

#include "api/publishing/asyncapi.hpp"
#include "api/publishing/schemas.hpp"
#include "tests/publishing/public_events.hpp"
#include "tests/support/files.hpp"
#include "tests/support/openapi_check.hpp"
#include "tests/support/property.hpp"
#include "tests/support/simulation.hpp"

namespace jangbu::test {

namespace {

using Value = nlohmann::json;
using Names = std::set<std::string>;

Value parsed(const PublicEvent& event) {
  return Value::parse(event.cloud_event);
}

Value asyncapi() {
  return Value::parse(asyncapi_document(
      {.shop = "shop", .nats_url = "nats://jangbu:geheim@one:4222,nats://two", .stream = "SHOP"}));
}

// Holds an event against what the AsyncAPI document says of its type: the envelope and its data.
class Schemas {
 public:
  void check(const Value& event) {
    const auto type = event.at("type").get<std::string>();
    INFO(event.dump());
    CHECK_NOTHROW(check_.check_value({{"$ref", "#/components/schemas/" + type}}, event));
  }

 private:
  OpenApiCheck check_{asyncapi()};
};

// Where the schema describes a property, at any depth, with the definitions it refers to.
void describe(const Value& root, const Value& schema, const std::string& place, Names& places) {
  if (schema.contains("$ref"))
    describe(root, root.at(Value::json_pointer(schema.at("$ref").get<std::string>().substr(1))),
             place, places);
  for (const Value& one : schema.value("allOf", Value::array())) describe(root, one, place, places);
  if (schema.contains("items")) describe(root, schema.at("items"), place + "/*", places);
  if (!schema.contains("properties")) return;
  for (const auto& [name, property] : schema.at("properties").items()) {
    places.insert(place + "/" + name);
    describe(root, property, place + "/" + name, places);
  }
}

void list_places(const Value& value, const std::string& place, Names& places) {
  for (const auto& [name, part] : value.items()) {
    const std::string there = place + "/" + (value.is_array() ? "*" : name);
    if (value.is_object()) places.insert(there);
    if (part.is_structured()) list_places(part, there, places);
  }
}

// Whether all that was told then is told now.
bool has_all_of(const Value& now, const Value& then) {
  if (now.is_object() && then.is_object())
    return std::ranges::all_of(then.items(), [&](const auto& field) {
      return now.contains(field.key()) && has_all_of(now.at(field.key()), field.value());
    });
  if (now.is_array() && then.is_array()) return std::ranges::equal(now, then, has_all_of);
  return now == then;
}

// Puts a word into every field that tells of a person, or may. A new event does not compile until
// somebody has decided which of its fields do.
struct Mark {
  const std::string& word;
  const PrincipalId& somebody;

  void operator()(Person& person) const {
    person = {word + "-name", word + "@mail", {word + "-line", word + "-zip"}};
  }
  void operator()(Recipient& recipient) const {
    recipient = {word + "-name", {word + "-line", word + "-zip"}};
  }
  template <OneOf<AccountFacts> Fact>
  void operator()(Fact& event) const {
    (*this)(event.state.person);
    event.state.owner = somebody;
  }
  template <OneOf<ProductListed, PriceChanged, ProductWithdrawn> Fact>
  void operator()(Fact& event) const {
    event.state.seller = somebody;
  }
  void operator()(StockChanged& event) const {
    event.state.seller = somebody;
    event.reason = word;
  }
  void operator()(PurchaseCompleted& event) const { (*this)(event.recipient); }
  void operator()(PurchaseCancelled& event) const {
    (*this)(event.recipient);
    event.reason = word;
  }
  void operator()(DeliveryScanned& event) const {
    event.scan.tracking_number = event.scan.location = event.scan.code = word;
  }
  template <OneOf<ReceiptConfirmed, NothingChanged> Fact>
  void operator()(Fact&) const {}
};

}  // namespace

TEST_CASE("every public event of a shop is as its schema says") {
  const bool recipients = GENERATE(false, true);
  Schemas schemas;
  for (const PublicSample& sample : public_samples({.shop = "shop", .recipients = recipients}))
    schemas.check(parsed(sample.event));
  property("whatever happens in it", [&] {
    Simulation simulation;
    simulation.run(*any_steps());
    const PublicView view{.shop = "shop", .recipients = recipients};
    Position position;
    for (const RecordedEvent& recorded : simulation.events()) {
      position = position.next();
      if (const auto event = to_public(view, {position, 0}, recorded))
        schemas.check(parsed(*event));
    }
  });
}

TEST_CASE("a schema tells of nothing that is never sent") {
  std::map<std::string, Names> sent;
  for (const PublicSample& sample : public_samples(telling)) {
    const Value event = parsed(sample.event);
    list_places(event.at("data"), "", sent[event.at("dataschema")]);
  }
  for (const PublicSchema& schema : public_schemas()) {
    const std::string address = schema_uri(schema.type, schema.version);
    if (!sent.contains(address)) continue;  // of an older version
    Names told;
    const Value root = Value::parse(schema.text);
    describe(root, root, "", told);
    INFO(address);
    CHECK(told == sent.at(address));
  }
}

TEST_CASE("what may tell of a person is not public") {
  const std::string word = "사람7f3a";
  const auto somebody = parse_id<PrincipalId>("7f3a7f3a-7f3a-7f3a-7f3a-7f3a7f3a7f3a").value();
  for (const GoldenSample& sample : golden_samples()) {
    RecordedEvent recorded = sample.commit.events.front();
    std::visit(Mark{word, somebody}, recorded.event);
    Envelope& envelope = recorded.envelope;
    envelope.correlation = envelope.causation = envelope.actor = word;
    envelope.command_key = CommandKey{};
    INFO(sample.name);
    const auto event = to_public({.shop = "shop"}, {{42}, 0}, recorded);
    if (!event) continue;
    CHECK(event->cloud_event.find(word) == std::string::npos);
    CHECK(event->cloud_event.find("7f3a") == std::string::npos);
    const auto with_recipients = to_public(telling, {{42}, 0}, recorded);
    CHECK((with_recipients->cloud_event == event->cloud_event) ==
          !std::holds_alternative<PurchaseCompleted>(recorded.event));
  }
}

TEST_CASE("a command that changed nothing is nobody else's business") {
  CHECK_FALSE(to_public(telling, {{42}, 0}, {Envelope{}, NothingChanged{}}));
}

TEST_CASE("events sort by their sequence as in the log") {
  const auto sequence = [](EventId id) {
    return parsed(*to_public(telling, id, {Envelope{}, PriceChanged{}}))
        .at("sequence")
        .get<std::string>();
  };
  const EventId ids[] = {{{1}, 0},      {{1}, 9},  {{1}, 10}, {{2}, 0},
                         {{9}, 65'000}, {{10}, 0}, {{11}, 0}, {{18'446'744'073'709'551'615u}, 0}};
  for (const EventId& id : ids) CHECK(sequence(id).size() == 26);
  CHECK(std::ranges::is_sorted(ids, {}, sequence));
}

TEST_CASE("two shops have no event in common") {
  const RecordedEvent recorded{Envelope{}, PriceChanged{}};
  const auto here = to_public({.shop = "seoul"}, {{42}, 0}, recorded);
  const auto there = to_public({.shop = "busan"}, {{42}, 0}, recorded);
  CHECK(parsed(*here).at("source") == "/jangbu/seoul");
  CHECK(here->subject == "jangbu.seoul.product.PriceChanged");
  CHECK(parsed(*there).at("source") != parsed(*here).at("source"));
  CHECK(there->subject != here->subject);
}

// The files are what was published. Whoever has to change one breaks what others rely on, and needs
// a new version.
TEST_CASE("what was published once is published ever after, and perhaps more") {
  const std::filesystem::path golden = JANGBU_PUBLISHED;
  Schemas schemas;
  Names published;
  for (const PublicSample& sample : public_samples(telling)) {
    const std::string name = file_name(sample);
    INFO(sample.event.cloud_event << " lacks something of tests/publishing/golden/" << name);
    CHECK(has_all_of(parsed(sample.event), Value::parse(read_text(golden / name))));
    published.insert(name);
  }
  for (const PublicSchema& schema : public_schemas()) {
    const std::string name =
        std::string(schema.type) + ".v" + std::to_string(schema.version) + ".json";
    const Value event = Value::parse(read_text(golden / name));
    Value alone = Value::parse(schema.text);
    alone.erase("$id");  // the validator would look there for what it refers to
    INFO(name);
    CHECK_NOTHROW(
        OpenApiCheck(Value{{"components", Value::object()}}).check_value(alone, event.at("data")));
    published.erase(name);
  }
  CHECK(published.empty());  // else without a schema
}

}  // namespace jangbu::test
