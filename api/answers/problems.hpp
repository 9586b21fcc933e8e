// The shop's refusals as problems.
//
// Threads: pure functions.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "api/answers/problem.hpp"
#include "commands/writer.hpp"
#include "projections/queries/read_models.hpp"

namespace jangbu {

Problem problem_of(const Refusal& refusal);
Problem problem_of(NotDecided why);

// Another process takes the commands.
Problem takes_no_commands();

// Problems found outside the writer: in a read model, in the log, or in the request itself.
Problem purchase_closed(PurchaseId purchase, DeliveryStatus status);
Problem illegal_status_change(PurchaseId purchase, DeliveryStatus from, DeliveryStatus to);
Problem not_found(const http::ProblemType& type, std::string_view which);
Problem read_model_behind(Position reached, Position wanted);
Problem read_model_away();
Problem entity_parked();
Problem log_away();
Problem quote_unknown();
Problem unknown_parameter(const std::string& name, const std::vector<std::string>& known);
Problem repeated_parameter(const std::string& name);
Problem not_happened_yet(EventId asked, Position last);

// The problem when a query has no answer; nullopt when it has one.
template <class T>
std::optional<Problem> no_answer(const QueryResult<T>& result) {
  if (const auto* behind = std::get_if<Behind>(&result))
    return read_model_behind(behind->position, behind->wanted);
  if (std::holds_alternative<EntityParked>(result)) return entity_parked();
  if (std::holds_alternative<Unavailable>(result)) return read_model_away();
  return std::nullopt;
}

}  // namespace jangbu
