// The limits that a document tells of are those that bodies are held to: each is tried, and what is
// next to it on the wrong side.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "api/http/server.hpp"
#include "api/jobs/import.hpp"
#include "api/log/log_lookup.hpp"
#include "api/services/quotes.hpp"
#include "api/services/service.hpp"
#include "api/streams/delivery_feed.hpp"
#include "api/streams/event_feed.hpp"
#include "commands/writer.hpp"
#include "infra/eventlog/memory_log.hpp"
#include "infra/ids.hpp"
#include "projections/queries/read_models.hpp"
#include "tests/http/client.hpp"

namespace jangbu::test {

namespace {

using Value = nlohmann::json;

// A value of one field that its schema allows or does not.
struct Try {
  Value::json_pointer field;
  Value value;
  bool allowed;
};

bool is_inside(char c) {  // a character of UTF-8, after its first byte
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

// The text with more before it, of so many characters.
std::string of_length(const std::string& text, std::size_t characters) {
  const auto inside = static_cast<std::size_t>(std::ranges::count_if(text, is_inside));
  return std::string(characters - (text.size() - inside), 'a') + text;
}

class Limits {
 public:
  explicit Limits(const Value& document) : document_(document) {}

  // Of all fields that are in the example.
  std::vector<Try> tries_of(const Value& schema, const Value& example) {
    tries_.clear();
    add(schema, example, Value::json_pointer());
    return tries_;
  }

 private:
  void add(const Value& schema, const Value& example, const Value::json_pointer& at) {
    if (schema.contains("$ref"))
      add(document_.at(Value::json_pointer(schema.at("$ref").get<std::string>().substr(1))),
          example, at);
    for (const char* combined : {"allOf", "anyOf", "oneOf"})
      if (schema.contains(combined))
        for (const Value& part : schema.at(combined)) add(part, example, at);
    if (schema.contains("properties") && example.is_object())
      for (const auto& [name, field] : schema.at("properties").items())
        if (example.contains(name)) add(field, example.at(name), at / name);
    if (schema.contains("items") && example.is_array())
      add(schema.at("items"), example.at(0), at / std::size_t{0});

    const auto number = [&](const char* keyword) {
      return schema.contains(keyword) ? schema.at(keyword).get<std::int64_t>() : -1;
    };
    if (example.is_number_integer() && schema.contains("maximum")) {
      both(at, number("maximum"), number("maximum") + 1);
      both(at, number("minimum"), number("minimum") - 1);
    }
    if (const auto most = number("maxLength"); example.is_string() && most > 0) {
      const auto text = example.get<std::string>();
      const auto length = static_cast<std::size_t>(most);
      both(at, of_length(text, length), of_length(text, length + 1));
    }
    if (number("minLength") == 1) tries_.push_back({at, "", false});
    if (const auto most = number("maxItems"); example.is_array() && most > 0) {
      const auto items = static_cast<std::size_t>(most);
      both(at, Value(items, example.at(0)), Value(items + 1, example.at(0)));
      tries_.push_back({at, Value::array(), false});
    }
    if (example.is_string() && schema.contains("enum")) {
      for (const Value& word : schema.at("enum")) tries_.push_back({at, word, true});
      tries_.push_back({at, "robber", false});
    }
  }

  void both(const Value::json_pointer& at, const Value& allowed, const Value& refused) {
    tries_.push_back({at, allowed, true});
    tries_.push_back({at, refused, false});
  }

  const Value& document_;
  std::vector<Try> tries_;
};

// All services on a log in memory; there is no database.
struct Services {
  Services() { writer.start(); }
  ~Services() { writer.stop(); }

  MemoryLog log;
  LogLookup log_lookup{log};
  ReadModels read_models{{.conninfo = "host=/nowhere"}};
  const Quotes quotes{"a secret of a test", "shop"};
  EventFeed feed{log, delivery_changes({}), {}};
  Writer writer{
      log, {.now = system_now, .new_commit_id = new_id<CommitId>, .any_number = random_number}, {}};
  Importer importer{writer, log_lookup};
  const CommandSide commands{writer, log_lookup, quotes};
  access::Gatekeeper gatekeeper;
  const Backend backend{gatekeeper, &commands, read_models, feed, nullptr, &importer};
};

std::string path_of(const openapi::Operation& operation) {
  std::string path(operation.path);
  if (const auto id = path.find("{id}"); id != path.npos)
    path.replace(id, 4, to_string(new_id<AccountId>()));
  return path;
}

// Whether the body was one, whatever the shop then said of the command in it.
bool is_taken(Client& client, const openapi::Operation& operation, const std::string& body) {
  client.send(std::string(http::to_string(operation.method)) + " " + path_of(operation) +
              " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: " +
              std::to_string(body.size()) + "\r\n\r\n" + body);
  const int status = client.read_answer().status;
  return status != 400 && status != 422 && status != 500;
}

}  // namespace

TEST_CASE("A body is held to the limits that the document tells of") {
  Services shop;
  std::size_t tries = 0;
  for (const Service* service :
       {&account_service, &product_service, &purchase_service, &delivery_service}) {
    http::Server server("127.0.0.1", 0, to_router(*service, shop.backend));
    server.start();
    Client client(server.port());
    const Value document = Value::parse(openapi_document(*service));
    Limits limits(document);
    for (const auto& [serve, operation] : service->endpoints) {
      if (operation.takes.empty() || operation.kind == openapi::Kind::rows) continue;
      std::string method(http::to_string(operation.method));
      std::ranges::transform(method, method.begin(),
                             [](char c) { return static_cast<char>(c | 32); });
      const Value& content = document.at("paths")
                                 .at(std::string(operation.path))
                                 .at(method)
                                 .at("requestBody")
                                 .at("content")
                                 .at("application/json");
      for (const Value& example : content.at("examples"))
        for (const auto& [field, value, allowed] :
             limits.tries_of(content.at("schema"), example.at("value"))) {
          Value body = example.at("value");
          body.at(field) = value;
          INFO(operation.id << ", " << field.to_string() << " = " << value.dump().substr(0, 60));
          CHECK(is_taken(client, operation, body.dump()) == allowed);
          ++tries;
        }
    }
  }
  CHECK(tries > 100);
}

}  // namespace jangbu::test
