// Lists that are kept by hand beside the code which they repeat. What is missing in one of them is
// named, and the file.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "api/answers/problem_types.hpp"
#include "api/answers/represent.hpp"
#include "api/openapi/document.hpp"
#include "commands/delivery.hpp"
#include "events/events.hpp"
#include "tests/golden/samples.hpp"
#include "tests/support/openapi_check.hpp"

using namespace jangbu;
using namespace jangbu::test;

namespace {

using Names = std::set<std::string>;

const std::string text_js = "api/pages/console/page/text.js";

std::string content_of(const std::string& path) {
  std::ifstream file(std::string(JANGBU_ROOT) + "/" + path, std::ios::binary);
  REQUIRE(file);
  return {std::istreambuf_iterator<char>(file), {}};
}

nlohmann::json json_of(const std::string& path) {
  return nlohmann::json::parse(content_of(path));
}

// A schema of the documents, and where it stands.
nlohmann::json schema(const std::string& name) {
  return nlohmann::json::parse(openapi::schemas()).at(name);
}

std::string place_of_schema(const std::string& name) {
  for (const auto& entry : std::filesystem::directory_iterator(JANGBU_ROOT "/api/openapi")) {
    if (entry.path().extension() != ".json") continue;
    const std::string file = "api/openapi/" + entry.path().filename().string();
    const auto json = json_of(file);
    if (json.contains("schemas") && json.at("schemas").contains(name)) return file + ", " + name;
  }
  return name;
}

Names keys_of(const nlohmann::json& object) {
  Names keys;
  for (const auto& [key, value] : object.items()) keys.insert(key);
  return keys;
}

std::string text_of(const Names& names) {
  std::string text;
  for (const std::string& name : names) text += ' ' + name;
  return text;
}

Names without(Names names, const Names& others) {
  for (const std::string& other : others) names.erase(other);
  return names;
}

// `list` says in which file it is.
void check_none_missing(const std::string& list, const Names& listed, const Names& known) {
  const Names missing = without(known, listed);
  INFO(list << " lacks:" << text_of(missing));
  CHECK(missing.empty());
}

void check_none_unknown(const std::string& list, const Names& listed, const Names& known) {
  const Names unknown = without(listed, known);
  INFO(list << " has what there is not:" << text_of(unknown));
  CHECK(unknown.empty());
}

void check_same(const std::string& list, const Names& listed, const Names& known) {
  check_none_missing(list, listed, known);
  check_none_unknown(list, listed, known);
}

template <class Variant>
struct NamesOf;
template <class... Events>
struct NamesOf<std::variant<Events...>> {
  static Names get() { return {std::string(Events::wire.name)...}; }
};

Names event_types() {
  return NamesOf<Event>::get();
}

template <class Enumeration>
Names words_of(Enumeration last) {
  Names words;
  for (int value = 0; value <= static_cast<int>(last); ++value)
    words.emplace(to_string(static_cast<Enumeration>(value)));
  return words;
}

Names codes() {
  Names codes;
  for (const http::ProblemType& type : problems::all) codes.emplace(type.code);
  return codes;
}

// What stands under this name in text.js, once for each language.
std::vector<Names> texts_under(const std::string& name) {
  const std::string text = content_of(text_js);
  const std::regex key(R"re(\n      "?([\w-]+)"?:)re");
  const std::string begin = "\n    " + name + ": {";
  std::vector<Names> all;
  for (std::size_t at = 0; (at = text.find(begin, at)) != text.npos; at += begin.size()) {
    const std::string block = text.substr(at, text.find("\n    },", at) - at);
    Names keys;
    for (std::sregex_iterator match(block.begin(), block.end(), key), end; match != end; ++match)
      keys.insert((*match)[1]);
    all.push_back(std::move(keys));
  }
  REQUIRE(all.size() == 2);
  return all;
}

}  // namespace

TEST_CASE("every event of a history is as the schema of its kind says") {
  OpenApiCheck check(
      OpenApiCheck::Json{{"components", {{"schemas", nlohmann::json::parse(openapi::schemas())}}}});
  for (const GoldenSample& sample : golden_samples()) {
    const RecordedEvent& recorded = sample.commit.events.front();
    if (!sample.current || std::holds_alternative<NothingChanged>(recorded.event)) continue;
    std::string name(to_string(entity_of(recorded.event).kind));
    name[0] = static_cast<char>(name[0] - 'a' + 'A');
    name += "Event";
    INFO(place_of_schema(name) << ", does not allow this " << sample.name);
    const HistoryRow row{{{42}, 0}, recorded};
    CHECK_NOTHROW(check.check_value({{"$ref", "#/components/schemas/" + name}},
                                    nlohmann::json::parse(to_json(row).text())));
  }
}

TEST_CASE("every event is put into words by the console, in both languages") {
  for (const Names& texts : texts_under("summaries"))
    check_same(text_js + ", summaries", texts, event_types());
}

TEST_CASE("every status of a delivery is in the documents and in the console") {
  const auto check_schema = [](const std::string& name, const Names& known) {
    check_same(place_of_schema(name), schema(name).at("enum").get<Names>(), known);
  };
  const Names statuses = words_of(DeliveryStatus::last);
  check_schema("DeliveryStatus", statuses);
  Names of_carriers;
  for (const std::string& status : statuses)
    if (is_carrier_status(parse_delivery_status(status).value())) of_carriers.insert(status);
  check_schema("CarrierStatus", of_carriers);
  for (const Names& texts : texts_under("statuses"))
    check_same(text_js + ", statuses", texts, statuses);
}

TEST_CASE("every problem is explained in the documents") {
  const std::string file = "api/openapi/problems.json";
  check_same(file, keys_of(json_of(file).at("problems")), codes());
}

TEST_CASE("every problem is in the list of all, which /problems tells of") {
  const std::regex declared(R"re(ProblemType \w+\{\d+,\s*"([\w-]+)")re");
  Names known;
  for (const char* file : {"api/answers/problem_types.hpp", "api/http/problem_types.hpp"}) {
    const std::string text = content_of(file);
    for (std::sregex_iterator match(text.begin(), text.end(), declared), end; match != end; ++match)
      known.insert((*match)[1]);
  }
  check_same("api/answers/problem_types.hpp, all", codes(), known);
}

TEST_CASE("a name that an operation has and no document is told with its route and file") {
  openapi::Operation operation{.method = http::Method::put,
                               .path = "/shelves/{id}",
                               .id = "fillShelf",
                               .summary = "Fill a shelf",
                               .gives = "Account",
                               .problems = {{409, "shelf-full", "Shelf full"}}};
  CHECK_THROWS_WITH(
      openapi::document({}, {operation}),
      "PUT /shelves/{id}: nothing in api/openapi/*.json is called shelf-full among the problems");
  operation.problems = {};
  operation.takes = "Shelf";
  CHECK_THROWS_WITH(
      openapi::document({}, {operation}),
      "PUT /shelves/{id}: nothing in api/openapi/*.json is called Shelf among the examples");
}

// A rule of the shop that refuses what somebody does on the page is told in the page's language.
TEST_CASE("every rule that can be broken is put into words by the console, in both languages") {
  Names rules;
  for (const http::ProblemType& type : problems::all)
    if (type.status == 409 && type.code != problems::idempotency_key_in_flight.code)
      rules.emplace(type.code);  // that one is asked about again, and not shown
  const auto conflicts = texts_under("conflicts"), others = texts_under("problems");
  for (std::size_t language = 0; language < 2; ++language) {
    Names texts = conflicts[language];
    texts.insert(others[language].begin(), others[language].end());
    const std::string list = text_js + ", conflicts and problems,";
    check_none_missing(list, texts, rules);
    check_none_unknown(list, without(texts, {"unreachable", "other"}), codes());
  }
}
