#include "api/openapi/document.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <stdexcept>
#include <string>

#include "api/answers/problem_types.hpp"
#include "api/requests/parameters.hpp"
#include "events/decoders.hpp"
#include "infra/json_tree.hpp"
#include "infra/version.hpp"
#include "openapi_json.hpp"
#include "projections/tables/registry.hpp"

namespace jangbu::openapi {

namespace {

using Json = nlohmann::ordered_json;

Json event_types() {
  Json names = Json::array();
  for (const Decoder& decoder : current_decoders()) names.push_back(decoder.wire.name);
  return names;
}

Json names_of_read_models() {
  Json names = Json::array();
  for (const ReadModel* model : read_models()) names.push_back(model->name);
  return names;
}

// What the .json files say, by section, with the names that only the code knows filled in.
Json read_sections() {
  Json sections = Json::object();
  for (const auto& [file_name, content] : text::all) {
    const Json file = parse_json<Json>(content);
    for (const auto& [section, entries] : file.items()) sections[section].update(entries);
  }
  sections.at("schemas").at("EventType")["enum"] = event_types();
  sections.at("parameters").at("projection").at("schema")["enum"] = names_of_read_models();
  return sections;
}

const Json& told(std::string_view section) {
  static const Json sections = read_sections();
  return sections.at(std::string(section));
}

const Json& told(std::string_view section, std::string_view name) {
  const Json& entries = told(section);
  const auto entry = entries.find(std::string(name));
  if (entry == entries.end())
    throw std::out_of_range("nothing in api/openapi/*.json is called " + std::string(name) +
                            " among the " + std::string(section));
  return *entry;
}

Json ref(std::string_view section, std::string_view name) {
  return {{"$ref", "#/components/" + std::string(section) + "/" + std::string(name)}};
}

void append(std::vector<http::ProblemType>& to, std::initializer_list<http::ProblemType> more) {
  to.insert(to.end(), more);
}

bool is_command(Kind kind) {
  return kind == Kind::command || kind == Kind::create;
}

// Depends neither on the log nor on a read model.
bool is_plain(Kind kind) {
  return kind == Kind::plain || kind == Kind::content || kind == Kind::text || kind == Kind::job;
}

bool is_query(Kind kind) {
  return kind == Kind::one || kind == Kind::page;
}

// Need not be sent again to a client that has it already.
bool has_tag(Kind kind) {
  return kind == Kind::one || kind == Kind::content;
}

bool is_list(Kind kind) {
  return kind == Kind::page || kind == Kind::log;
}

// What the server may answer before the request reaches an operation.
constexpr http::ProblemType not_taken[] = {problems::request_timeout,
                                           problems::length_required,
                                           problems::body_too_large,
                                           problems::target_too_long,
                                           problems::unsupported_content_encoding,
                                           problems::expectation_failed,
                                           problems::misdirected_request,
                                           problems::head_too_large,
                                           problems::transfer_coding_not_implemented,
                                           problems::http_version_not_supported};

// Whether a read model may be asked what belongs to whoever asks.
bool is_for_buyers(const Operation& operation) {
  return std::ranges::find(operation.roles, "buyer") != operation.roles.end();
}

// What can go wrong, by status code.
std::map<int, std::vector<http::ProblemType>> problems_of(const Operation& operation) {
  auto all = operation.problems;
  append(all, {problems::malformed_request, problems::malformed_target, problems::internal_error,
               problems::too_many_connections, problems::unknown_parameter});
  if (operation.method != http::Method::get) append(all, {problems::foreign_origin});
  if (!operation.takes.empty())
    append(all, {problems::unsupported_media_type, problems::unsupported_content_encoding});
  const bool has_fields = !operation.takes.empty() && operation.kind != Kind::rows;
  if (has_fields || !query_parameters(operation).empty()) append(all, {problems::invalid_field});
  if (operation.kind == Kind::rows) append(all, {problems::not_ready, problems::overloaded});
  if (is_query(operation.kind))
    append(all, {problems::read_model_behind, problems::read_model_unavailable,
                 problems::entity_parked});
  if (is_command(operation.kind))
    append(all, {problems::idempotency_key_reused, problems::idempotency_key_in_flight,
                 problems::idempotency_keys_full, problems::outcome_unknown});
  if (operation.kind == Kind::command) append(all, {problems::version_differs});
  // Of a command: when it repeats one that was sent before access control was on.
  if (is_for_buyers(operation) && (is_command(operation.kind) || operation.kind == Kind::stream))
    append(all, {problems::read_model_behind, problems::read_model_unavailable});
  if (is_for_buyers(operation) && operation.kind == Kind::stream)
    append(all, {problems::entity_parked});
  if (!operation.roles.empty())
    append(all, {problems::unauthorized, problems::forbidden, problems::too_many_requests,
                 problems::provider_unavailable});
  if (is_command(operation.kind) || operation.kind == Kind::quote)
    append(all, {problems::not_ready, problems::overloaded});
  if (!is_plain(operation.kind) && operation.kind != Kind::stream)
    append(all, {problems::unavailable});

  std::map<int, std::vector<http::ProblemType>> by_status;
  for (const auto& type : all) {
    auto& same_status = by_status[type.status];
    if (std::ranges::find(same_status, type.code, &http::ProblemType::code) == same_status.end())
      same_status.push_back(type);
  }
  return by_status;
}

Json problem_example(const http::ProblemType& type) {
  const Json& problem = told("problems", type.code);
  Json value{{"type", "/problems/" + std::string(type.code)},
             {"title", type.title},
             {"status", type.status},
             {"detail", problem.at("detail")},
             {"code", type.code}};
  if (problem.contains("fields")) value.update(problem.at("fields"));
  return {{"summary", problem.at("summary")}, {"value", std::move(value)}};
}

// One response for these problems. Its schema lists the codes, so that a document says exactly what
// can come.
Json response_of(std::span<const http::ProblemType> types) {
  std::string description;
  std::set<int> statuses;
  Json codes = Json::array();
  Json examples = Json::object();
  for (const auto& type : types) {
    const std::string code(type.code);
    description +=
        "- `" + code + "`: " + told("problems", code).at("summary").get<std::string>() + "\n";
    statuses.insert(type.status);
    codes.push_back(code);
    examples[code] = ref("examples", code);
  }
  return {
      {"description", std::move(description)},
      {"content",
       {{"application/problem+json",
         {{"schema",
           {{"allOf",
             {ref("schemas", "Problem"),
              {{"properties",
                {{"status", {{"enum", statuses}}}, {"code", {{"enum", std::move(codes)}}}}}}}}}},
          {"examples", std::move(examples)}}}}}};
}

Json problem_response(int status, std::span<const http::ProblemType> types, Kind kind) {
  Json headers{{"X-Request-Id", ref("headers", "requestId")}};
  const bool from_the_log = status == 404 || status == 409 || status == 412 || status == 422;
  if (!is_plain(kind) && from_the_log) headers["Event-Position"] = ref("headers", "eventPosition");
  if (status == 503 || status == 429) headers["Retry-After"] = ref("headers", "retryAfter");
  if (status == 429) {
    headers["RateLimit-Policy"] = ref("headers", "rateLimitPolicy");
    headers["RateLimit"] = ref("headers", "rateLimit");
  }
  if (status == 401) headers["WWW-Authenticate"] = ref("headers", "wwwAuthenticate");
  Json response = response_of(types);
  response["headers"] = std::move(headers);
  return response;
}

const Json& examples_of(std::string_view schema) {
  return told("examples", schema);
}

Json first_or_named(const Json& examples, std::string_view name) {
  return name.empty() ? examples.begin().value() : examples.at(std::string(name));
}

// Text that is not a JSON document but contains JSON documents.
Json text_of(std::string_view media_type, std::string_view item, std::string text) {
  return {{std::string(media_type),
           {{"schema",
             {{"type", "string"},
              {"contentMediaType", media_type},
              {"contentSchema", ref("schemas", item)}}},
            {"example", std::move(text)}}}};
}

std::string lines_of(const Json& examples) {
  std::string lines;
  for (const Json& example : examples) lines += json_text(example) + "\n";
  return lines;
}

Json request_body(const Operation& operation) {
  if (operation.kind == Kind::rows)
    return {{"required", true},
            {"content", text_of("application/x-ndjson", operation.takes,
                                lines_of(examples_of(operation.takes)))}};
  Json examples = Json::object();
  for (const auto& [name, value] : examples_of(operation.takes).items())
    examples[name] = {{"value", value}};
  const Json body{{"schema", ref("schemas", operation.takes)}, {"examples", std::move(examples)}};
  Json content{{"application/json", body}};
  if (operation.method == http::Method::patch) content[std::string(merge_patch)] = body;
  return {{"required", !operation.body_is_optional}, {"content", std::move(content)}};
}

Json page_of(std::string_view item) {
  return {{"type", "object"},
          {"required", {"items", "next"}},
          {"properties",
           {{"items", {{"type", "array"}, {"items", ref("schemas", item)}}},
            {"next",
             {{"description", "What `after` takes for the next page; null on the last."},
              {"type", {"string", "null"}}}}}}};
}

Json answer_content(const Operation& operation) {
  if (operation.kind == Kind::rows)
    return text_of("application/x-ndjson", operation.gives, lines_of(examples_of(operation.gives)));
  const Json example = first_or_named(examples_of(operation.gives), operation.example);
  if (operation.kind == Kind::text)
    return {{"text/plain; version=0.0.4; charset=utf-8",
             {{"schema", ref("schemas", operation.gives)}, {"example", example}}}};
  if (operation.kind == Kind::stream)
    return text_of("text/event-stream", operation.gives,
                   "id: 42.0\nevent: " + std::string(operation.event) +
                       "\ndata: " + json_text(example) + "\n\n");
  if (is_list(operation.kind))
    return {{"application/json",
             {{"schema", page_of(operation.gives)},
              {"example", {{"items", Json::array({example})}, {"next", nullptr}}}}}};
  Json content{{std::string(operation.media_type),
                {{"schema", ref("schemas", operation.gives)}, {"example", example}}}};
  if (operation.or_html) content["text/html; charset=utf-8"]["schema"] = {{"type", "string"}};
  return content;
}

Json answer(const Operation& operation) {
  Json headers{{"X-Request-Id", ref("headers", "requestId")}};
  if (!is_plain(operation.kind) && operation.kind != Kind::rows)
    headers["Event-Position"] = ref("headers", "eventPosition");
  if (operation.kind == Kind::one || is_command(operation.kind))
    headers["ETag"] = ref("headers", "eTag");
  if (operation.kind == Kind::content) headers["ETag"] = ref("headers", "contentTag");
  if (operation.kind == Kind::create || operation.kind == Kind::job)
    headers["Location"] = ref("headers", "location");
  if (is_command(operation.kind))
    headers["Idempotent-Replayed"] = ref("headers", "idempotentReplayed");
  Json response{
      {"description", operation.kind == Kind::create ? "Done, and on disk: the new resource."
                      : operation.kind == Kind::job  ? "Started."
                      : is_command(operation.kind) ? "Done, and on disk: the resource as it is now."
                                                   : "As requested."}};
  response["headers"] = std::move(headers);
  response["content"] = answer_content(operation);
  return response;
}

// The header fields of the full answer, and nothing else.
Json not_modified(const Operation& operation) {
  Json response{{"description", "Unchanged: If-None-Match names its ETag."}};
  response["headers"] = answer(operation).at("headers");
  return response;
}

Json responses(const Operation& operation) {
  Json responses = Json::object();
  responses[operation.kind == Kind::create ? "201"
            : operation.kind == Kind::job  ? "202"
                                           : "200"] = answer(operation);
  if (has_tag(operation.kind)) responses["304"] = not_modified(operation);
  for (const auto& [status, types] : problems_of(operation))
    responses[std::to_string(status)] = problem_response(status, types, operation.kind);
  if (!operation.gives_when_unavailable.empty())
    responses["503"] = {
        {"description", "Not now; the body says why."},
        {"headers",
         {{"X-Request-Id", ref("headers", "requestId")},
          {"Retry-After", ref("headers", "retryAfter")}}},
        {"content",
         {{"application/json",
           {{"schema", ref("schemas", operation.gives_when_unavailable)},
            {"example", examples_of(operation.gives_when_unavailable).at("down")}}}}}};
  responses["default"] = ref("responses", "notTaken");
  return responses;
}

std::vector<std::string> path_parameters(std::string_view pattern) {
  std::vector<std::string> names;
  for (std::size_t open; (open = pattern.find('{')) != pattern.npos;) {
    const std::size_t close = pattern.find('}');
    names.emplace_back(pattern.substr(open + 1, close - open - 1));
    pattern.remove_prefix(close + 1);
  }
  return names;
}

Json parameters(const Operation& operation) {
  Json parameters = Json::array();
  const auto add = [&](std::string_view name) { parameters.push_back(ref("parameters", name)); };
  for (const std::string& name : path_parameters(operation.path)) add(name);
  for (const std::string_view name : operation.parameters) add(name);
  if (is_list(operation.kind)) add("limit");
  if (is_query(operation.kind)) {
    add("minPosition");
    add("waitMs");
  }
  if (is_command(operation.kind) || operation.kind == Kind::rows) add("idempotencyKey");
  if (operation.kind == Kind::stream) {
    add("lastEventIdHeader");
    add("lastEventId");
  }
  if (operation.kind == Kind::command) add("ifMatch");
  if (has_tag(operation.kind)) add("ifNoneMatch");
  if (is_command(operation.kind) || operation.kind == Kind::rows) {
    add("requestId");
    add("traceparent");
  }
  return parameters;
}

constexpr std::string_view bearer_scheme = "bearer";

std::string provider_scheme(std::size_t number) {
  return number == 0 ? "provider" : "provider" + std::to_string(number + 1);
}

// What the operation is about: the first segment of its path.
std::string tag_of(std::string_view pattern) {
  const std::string_view path = pattern.substr(1);
  const std::string_view segment = path.substr(0, path.find_first_of("/:"));
  return segment.empty() || segment.ends_with(".json") ? "about" : std::string(segment);
}

std::string description_of(const Operation& operation) {
  std::string text(operation.description.empty() ? operation.summary : operation.description);
  if (operation.roles.empty()) return text;
  text += "\n\nRoles, where access control is on: ";
  for (const std::string_view role : operation.roles)
    text += (role == operation.roles.front() ? "" : ", ") + std::string(role);
  return text + ".";
}

// Any credential that gives one of the roles will do.
Json security_of(const Operation& operation, const std::vector<std::string>& discovery_urls) {
  Json alternatives = Json::array();
  if (operation.roles.empty()) return alternatives;
  alternatives.push_back({{std::string(bearer_scheme), Json::array()}});
  for (std::size_t i = 0; i < discovery_urls.size(); ++i)
    alternatives.push_back({{provider_scheme(i), Json::array()}});
  return alternatives;
}

Json security_schemes(const std::vector<std::string>& discovery_urls) {
  Json schemes{{std::string(bearer_scheme),
                {{"type", "http"},
                 {"scheme", "bearer"},
                 {"description", "An access key, or a token of the identity provider."}}}};
  for (std::size_t i = 0; i < discovery_urls.size(); ++i)
    schemes[provider_scheme(i)] = {{"type", "openIdConnect"},
                                   {"openIdConnectUrl", discovery_urls[i]}};
  return schemes;
}

Json operation_object(const Operation& operation,
                      const std::vector<std::string>& discovery_urls) try {
  Json object{{"operationId", operation.id},
              {"tags", Json::array({tag_of(operation.path)})},
              {"summary", operation.summary},
              {"description", description_of(operation)}};
  object["security"] = security_of(operation, discovery_urls);
  if (!operation.roles.empty()) object["x-roles"] = operation.roles;
  Json parameters = openapi::parameters(operation);
  if (!parameters.empty()) object["parameters"] = std::move(parameters);
  if (!operation.takes.empty()) object["requestBody"] = request_body(operation);
  object["responses"] = responses(operation);
  return object;
} catch (const std::out_of_range& missing) {
  throw std::out_of_range(std::string(http::to_string(operation.method)) + " " +
                          std::string(operation.path) + ": " + missing.what());
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

// Collects every component that a JSON value refers to, and those that these refer to in turn.
class Components {
 public:
  explicit Components(const std::vector<Operation>& operations) {
    for (const Operation& operation : operations)
      for (const auto& [status, types] : problems_of(operation))
        for (const auto& type : types) examples_[std::string(type.code)] = problem_example(type);
    for (const auto& type : not_taken) examples_[std::string(type.code)] = problem_example(type);
  }

  void collect(const Json& json) {
    if (json.is_object() && json.contains("$ref")) add(json.at("$ref").get<std::string>());
    if (json.is_structured())
      for (const Json& part : json) collect(part);
  }

  Json sections() const {
    Json sections = Json::object();
    for (const auto& [section, entries] : sections_)
      for (const auto& [name, entry] : entries) sections[section][name] = entry;
    return sections;
  }

 private:
  void add(const std::string& reference) {
    constexpr std::string_view prefix = "#/components/";
    const std::size_t slash = reference.rfind('/');
    const std::string section = reference.substr(prefix.size(), slash - prefix.size());
    const std::string name = reference.substr(slash + 1);
    auto& entries = sections_[section];
    if (entries.contains(name)) return;
    const Json& entry = entries[name] = find(section, name);
    collect(entry);
  }

  Json find(const std::string& section, const std::string& name) const {
    if (section == "examples") return examples_.at(name);
    if (section == "responses") return response_of(not_taken);
    return told(section, name);
  }

  std::map<std::string, Json> examples_;
  std::map<std::string, std::map<std::string, Json>> sections_;
};

}  // namespace

std::string schemas() {
  return json_text(told("schemas"));
}

std::vector<std::string> query_parameters(const Operation& operation) {
  std::vector<std::string> names;
  for (const Json& reference : parameters(operation)) {
    const auto place = reference.at("$ref").get<std::string>();
    const Json& parameter = told("parameters", place.substr(place.rfind('/') + 1));
    if (parameter.at("in") == "query") names.push_back(parameter.at("name"));
  }
  return names;
}

Explanation explanation_of(const http::ProblemType& type) {
  const Json example = problem_example(type);
  Json explanation = Json::object();
  for (const char* field : {"type", "title", "status", "code"})
    explanation[field] = example.at("value").at(field);
  explanation["description"] = example.at("summary");
  explanation["sample"] = example.at("value");
  return {.description = example.at("summary"),
          .sample = json_text(example.at("value"), 2),
          .json = json_text(explanation)};
}

std::string document(const About& about, const std::vector<Operation>& operations) {
  Json path_items = Json::object();
  Json tags = Json::array();
  for (const Operation& operation : operations) {
    path_items[std::string(operation.path)][lower(http::to_string(operation.method))] =
        operation_object(operation, about.discovery_urls);
    const Json tag{{"name", tag_of(operation.path)}};
    if (std::find(tags.begin(), tags.end(), tag) == tags.end()) tags.push_back(tag);
  }
  const Json server{{"url", "/"}, {"description", "This service"}};
  Components components(operations);
  components.collect(path_items);
  Json sections = components.sections();
  sections["securitySchemes"] = security_schemes(about.discovery_urls);
  const Json whole{{"openapi", "3.1.0"},
                   {"info",
                    {{"title", about.title},
                     {"version", version()},
                     {"description", about.description},
                     {"license", {{"name", "Apache-2.0"}, {"identifier", "Apache-2.0"}}}}},
                   {"servers", Json::array({server})},
                   {"tags", std::move(tags)},
                   {"paths", std::move(path_items)},
                   {"components", std::move(sections)}};
  return json_text(whole);
}

}  // namespace jangbu::openapi
