// How refusals look over HTTP.
//
// Threads: pure functions.
#pragma once

#include <string>

#include "api/http/message.hpp"
#include "commands/writer.hpp"

namespace jangbu {

http::Response to_response(const Refusal& refusal);
http::Response to_response(NotDecided why);

// Answers that rest on a read model.
http::Response purchase_closed(PurchaseId purchase, DeliveryStatus status);
http::Response illegal_status_change(PurchaseId purchase, DeliveryStatus from, DeliveryStatus to);
http::Response not_found(const http::ProblemType& type, std::string_view which);
http::Response read_model_behind(Position reached, Position asked);
http::Response read_model_away();
http::Response log_away();
http::Response quote_unknown();
http::Response not_happened_yet(EventId asked, Position last);

}  // namespace jangbu
