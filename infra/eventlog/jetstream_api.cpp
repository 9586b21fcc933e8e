#include "infra/eventlog/jetstream_api.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "events/errors.hpp"
#include "infra/json_tree.hpp"

namespace jangbu {

using nlohmann::json;

int error_code(const json& answer) {
  return answer.value(json::json_pointer("/error/err_code"), 0);
}

std::string error_text(const json& answer) {
  return answer.value(json::json_pointer("/error/description"), std::string("no reason given")) +
         " (" + std::to_string(error_code(answer)) + ")";
}

std::optional<json> JetStreamApi::try_call(const std::string& what, const json& body) {
  const auto answer = connection_.request(
      "$JS.API." + what, body.is_null() ? std::string() : json_text(body), timeout_);
  if (natsMsg_IsNoResponders(answer.get())) return std::nullopt;
  json parsed = parse_json_if_valid(payload(*answer));
  if (!parsed.is_object()) throw Unavailable("the server's answer to " + what + " is not JSON");
  return parsed;
}

json JetStreamApi::call(const std::string& what, const json& body) {
  auto answer = try_call(what, body);
  if (!answer) throw Unavailable("JetStream does not answer " + what);
  return std::move(*answer);
}

}  // namespace jangbu
