// How refusals look over HTTP.
//
// Threads: pure functions.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "api/http/message.hpp"
#include "commands/writer.hpp"
#include "projections/queries/read_models.hpp"

namespace jangbu {

http::Response to_response(const Refusal& refusal);
http::Response to_response(NotDecided why);

// Another process does.
http::Response takes_no_commands();

// Answers that rest on a read model.
http::Response purchase_closed(PurchaseId purchase, DeliveryStatus status);
http::Response illegal_status_change(PurchaseId purchase, DeliveryStatus from, DeliveryStatus to);
http::Response not_found(const http::ProblemType& type, std::string_view which);
http::Response read_model_behind(Position reached, Position asked);
http::Response read_model_away();
http::Response entity_parked();
http::Response log_away();
http::Response quote_unknown();
http::Response unknown_parameter(const std::string& name, const std::vector<std::string>& known);
http::Response repeated_parameter(const std::string& name);
http::Response not_happened_yet(EventId asked, Position last);

// What is said where a query, for which `asked` had to be reached, has no answer; nothing where it
// has one.
template <class T>
std::optional<http::Response> no_answer(const QueryResult<T>& result, Position asked) {
  if (const auto* behind = std::get_if<Behind>(&result))
    return read_model_behind(behind->position, asked);
  if (std::holds_alternative<EntityParked>(result)) return entity_parked();
  if (std::holds_alternative<Unavailable>(result)) return read_model_away();
  return std::nullopt;
}

}  // namespace jangbu
