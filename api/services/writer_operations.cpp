#include <string>
#include <variant>

#include "api/answers/documents.hpp"
#include "api/answers/problem.hpp"
#include "api/answers/problem_types.hpp"
#include "api/services/operations.hpp"
#include "commands/writer.hpp"

namespace jangbu {

namespace {

// `standing`: when it was asked.
http::Response to_response(const Writer::HandOver& how, const Standing& standing) {
  if (const auto* successor = std::get_if<Author>(&how))
    return of_now(200, {{"successor", successor->name}});
  const std::string& why = std::get<WriterMachine::NotHandedOver>(how).why;
  Problem problem{problems::not_handed_over, "Nothing was handed over: " + why + "."};
  if (standing.name.empty()) return problem;
  if (!standing.active) problem.detail += " " + standing.name + " is active.";
  problem.fields.add("active", standing.name);
  return problem;
}

}  // namespace

void hand_over_writer(const Call& call) {
  if (!call.backend.commands)
    throw Problem{problems::not_handed_over,
                  "Nothing was handed over: this instance answers queries only (--no-writer)."};
  Writer& writer = call.backend.commands->writer;
  writer.hand_over(
      [exchange = call.exchange, standing = writer.standing()](const Writer::HandOver& how) {
        exchange.respond(to_response(how, standing));
      });
}

}  // namespace jangbu
