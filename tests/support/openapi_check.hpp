// Checks answers against the OpenAPI document of the service that gave them. It is stricter than
// the document: an answer must not have fields that the document does not mention, though clients
// must expect such fields.
//
// Threads: check() from any thread. Errors: std::runtime_error that says what differs.
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace jangbu::test {

class OpenApiCheck {
 public:
  using Json = nlohmann::json;

  explicit OpenApiCheck(Json document);
  ~OpenApiCheck();

  struct Answer {
    int status = 0;
    std::map<std::string, std::string> headers;  // names in lower case
    std::string body;
  };

  // Requires that the document describes the answer for this operation: its status, the type of its
  // body, every field and every header. `target` is the path and query as sent.
  void check(std::string_view method, std::string_view target, const Answer& answer);

  // Throws unless the value conforms to the schema, which may refer to the document's components.
  void check_value(const Json& schema, const Json& value);

 private:
  class Schemas;

  const Json* operation(std::string_view method, std::string_view target) const;
  const Json& resolved(const Json& maybe_reference) const;
  void check_headers(const Json& response, const Answer& answer);

  const Json document_;
  std::unique_ptr<Schemas> schemas_;
};

}  // namespace jangbu::test
