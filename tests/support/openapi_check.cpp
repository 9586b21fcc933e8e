#include "tests/support/openapi_check.hpp"

#include <algorithm>
#include <cctype>
#include <mutex>
#include <stdexcept>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>
#include <vector>

namespace jangbu::test {

namespace {

using Json = OpenApiCheck::Json;

[[noreturn]] void differs(const std::string& what) {
  throw std::runtime_error("not as the OpenAPI document says: " + what);
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

// An object whose fields are told has no others, unless the document says so.
void close_objects(Json& schema) {
  if (schema.is_object() && schema.value("type", Json()) == "object" &&
      schema.contains("properties") && !schema.contains("additionalProperties"))
    schema["additionalProperties"] = false;
  if (schema.is_structured())
    for (Json& part : schema) close_objects(part);
}

std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> segments;
  for (;;) {
    const std::size_t slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    if (slash == path.npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

// How many of the pattern's segments are literal, when it is one of this path; else -1.
int likeness(std::string_view pattern, std::string_view path) {
  const auto patterns = split(pattern);
  const auto segments = split(path);
  if (patterns.size() != segments.size()) return -1;
  int literal = 0;
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    if (patterns[i] == segments[i])
      ++literal;
    else if (!patterns[i].starts_with('{') || segments[i].empty())
      return -1;
  }
  return literal;
}

// A header field's value as the JSON that its schema is about.
Json header_value(const Json& schema, const std::string& text) {
  const bool is_number = !text.empty() && std::ranges::all_of(text, [](unsigned char c) {
    return std::isdigit(c) != 0;
  });
  const Json type = schema.value("type", Json());
  return is_number && (type == "integer" || schema.contains("$ref")) ? Json::parse(text)
                                                                     : Json(text);
}

}  // namespace

// Schemas, each parsed once.
class OpenApiCheck::Schemas {
 public:
  explicit Schemas(Json components) : components_(std::move(components)) {
    close_objects(components_);
  }

  // What is wrong with the value; empty when nothing is.
  std::string judge(const Json& schema, const Json& value) {
    auto& parsed = parsed_[schema.dump()];
    if (!parsed) parsed = parse(schema);
    const valijson::adapters::NlohmannJsonAdapter adapter(value);
    valijson::ValidationResults results;
    valijson::Validator validator;
    if (validator.validate(*parsed, adapter, &results)) return {};
    std::string text;
    for (valijson::ValidationResults::Error error; results.popError(error);) {
      for (const std::string& step : error.context) text += step;
      text += ": " + error.description + "\n";
    }
    return text;
  }

 private:
  // References are to places in the document; so the schema stands in one with its components.
  // Those of a schema that is a document itself are to its own definitions.
  std::unique_ptr<valijson::Schema> parse(Json schema) const {
    close_objects(schema);
    const Json own = schema.value("$defs", Json::object());
    const Json root{
        {"allOf", Json::array({std::move(schema)})}, {"components", components_}, {"$defs", own}};
    auto parsed = std::make_unique<valijson::Schema>();
    valijson::SchemaParser().populateSchema(valijson::adapters::NlohmannJsonAdapter(root), *parsed);
    return parsed;
  }

  Json components_;
  std::map<std::string, std::unique_ptr<valijson::Schema>> parsed_;
};

OpenApiCheck::OpenApiCheck(Json document)
    : document_(std::move(document)),
      schemas_(std::make_unique<Schemas>(document_.at("components"))) {}

OpenApiCheck::~OpenApiCheck() = default;

const Json& OpenApiCheck::resolved(const Json& maybe_reference) const {
  const auto reference = maybe_reference.find("$ref");
  if (reference == maybe_reference.end()) return maybe_reference;
  return document_.at(Json::json_pointer(reference->get<std::string>().substr(1)));
}

// Null when the document has no such path or method.
const Json* OpenApiCheck::operation(std::string_view method, std::string_view target) const {
  const std::string_view path = target.substr(0, target.find('?'));
  const Json* best = nullptr;
  int best_likeness = -1;
  for (const auto& [pattern, item] : document_.at("paths").items()) {
    const int found = likeness(pattern, path);
    if (found <= best_likeness) continue;
    best_likeness = found;
    const auto operation = item.find(method == "HEAD" ? "get" : lower(method));
    best = operation == item.end() ? nullptr : &*operation;
  }
  return best;
}

void OpenApiCheck::check(std::string_view method, std::string_view target, const Answer& answer) {
  const std::string place = std::string(method) + " " + std::string(target) + " answered with " +
                            std::to_string(answer.status) + " " + answer.body + ": ";
  const Json problem{{"$ref", "#/components/schemas/Problem"}};
  try {
    const Json* found = operation(method, target);
    if (!found) {
      if (answer.status >= 400) check_value(problem, Json::parse(answer.body));
      return;
    }
    const Json& responses = found->at("responses");
    const auto told = responses.find(std::to_string(answer.status));
    if (told == responses.end() && answer.status < 400) differs("a status that is not told of");
    const Json& response = resolved(told == responses.end() ? responses.at("default") : *told);
    if (told != responses.end()) check_headers(response, answer);
    if (method == "HEAD") return;
    if (!response.contains("content")) {
      if (!answer.body.empty()) differs("a body");
      return;
    }
    const auto type = answer.headers.find("content-type");
    if (type == answer.headers.end()) differs("no Content-Type");
    const Json& content = response.at("content");
    if (!content.contains(type->second)) differs("Content-Type: " + type->second);
    const bool is_text = type->second.starts_with("text/");
    check_value(content.at(type->second).at("schema"),
                is_text ? Json(answer.body) : Json::parse(answer.body));
  } catch (const std::exception& error) {
    throw std::runtime_error(place + error.what());
  }
}

// Those that are there must be as told. Event-Position and ETag of what went well are always there.
void OpenApiCheck::check_headers(const Json& response, const Answer& answer) {
  const auto headers = response.find("headers");
  if (headers == response.end()) return;
  for (const auto& [name, header] : headers->items()) {
    const auto field = answer.headers.find(lower(name));
    if (field == answer.headers.end()) {
      if (answer.status < 300 && name != "Idempotent-Replayed") differs("no " + name);
      continue;
    }
    const Json& schema = resolved(header).at("schema");
    check_value(schema, header_value(schema, field->second));
  }
}

// One at a time in the whole process: a pattern is compiled with std::regex, which fills a cache in
// the locale that all threads share (libstdc++'s std::ctype<char>::narrow).
void OpenApiCheck::check_value(const Json& schema, const Json& value) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  const std::string wrong = schemas_->judge(schema, value);
  if (!wrong.empty()) differs(wrong);
}

}  // namespace jangbu::test
