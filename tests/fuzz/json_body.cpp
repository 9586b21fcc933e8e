// Command bodies: what is taken is JSON, and means the same in whatever way it is written.
#include <nlohmann/json.hpp>
#include <variant>

#include "api/requests/body.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace jangbu;

namespace {

// Fields of every kind that the services' bodies have.
struct Values {
  std::string name;
  std::string note;
  std::optional<std::string> email;
  std::optional<MembershipLevel> level;
  std::int64_t count = 0;
  std::optional<Money> price;
  std::optional<Timestamp> at;
  std::optional<Address> address;
  std::optional<AccountId> id;
  std::vector<std::string> lines;

  friend bool operator==(const Values&, const Values&) = default;
};

struct Refused {
  int status;
  std::string code;

  friend bool operator==(const Refused&, const Refused&) = default;
};

using Outcome = std::variant<Values, Refused>;

// Every field may be left out, so that each is reached without the others.
Values values_of(Body body) {
  Values values;
  if (body.has("name")) values.name = body.name("name");
  values.note = body.optional_text("note", 20, TextKind::prose);
  values.email = body.email("email");
  values.level = body.choice("level", parse_membership_level, "VIP, GOLD, SILVER");
  if (body.has("count")) values.count = body.integer("count", -5, INT64_MAX);
  if (body.has("price")) values.price = body.money("price");
  if (body.has("at")) values.at = body.time("at");
  if (body.has("address")) values.address = body.address("address");
  if (body.has("id")) values.id = body.id<AccountId>("id");
  if (body.has("lines"))
    for (Body& line : body.objects("lines", 1, 3)) {
      values.lines.push_back(line.name("product"));
      line.no_more();
    }
  body.no_more();
  return values;
}

Outcome read(std::string_view text) {
  try {
    return values_of(Body(text));
  } catch (const Problem& problem) {
    const http::Response response = problem;
    const auto told = nlohmann::json::parse(response.body);
    invariant(told.at("status") == response.status, "a problem tells its status");
    invariant(response.status == 400 || response.status == 422, "a bad body is a 400 or a 422");
    return Refused{response.status, told.at("code")};
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const Outcome outcome = read(text);
  const auto* refused = std::get_if<Refused>(&outcome);
  if (refused && refused->status == 400) return 0;  // not taken as JSON, or not as an object

  invariant(nlohmann::json::accept(text), "what is taken for JSON is JSON");
  const auto json = nlohmann::json::parse(text);
  if (const auto* values = std::get_if<Values>(&outcome); values && json.contains("count"))
    invariant(
        !json["count"].is_number_integer() || json["count"].dump() == std::to_string(values->count),
        "a number is the one that was sent");
  if (std::holds_alternative<Values>(outcome))
    invariant(read(Body(text).canonical(NullMember::is_absent)) == outcome,
              "a body in canonical form means the same");
  // Of numbers that are not whole for a double only, another is written.
  if (text.find_first_of(".eE") != text.npos) return 0;
  invariant(read(json.dump()) == outcome, "a body that is written again means the same");
  invariant(read(json.dump(2)) == outcome, "white space in a body means nothing");
  invariant(read(json.dump(-1, ' ', true)) == outcome, "escaped characters mean the same");
  return 0;
}
