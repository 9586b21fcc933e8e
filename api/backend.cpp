#include "api/backend.hpp"

#include <algorithm>
#include <charconv>
#include <memory>

#include "api/command_key.hpp"
#include "api/entity_as_of.hpp"
#include "api/http/ascii.hpp"
#include "infra/ids.hpp"

namespace jangbu {

using namespace std::chrono_literals;

namespace {

// How long an answer that needs the read model waits for it.
constexpr auto default_wait = 2000ms;
constexpr std::int64_t max_wait_ms = 10'000;
constexpr std::int64_t max_page = 100;

// RFC 9110, section 13.1.1. Our entity tags are strong and hold an event id.
std::optional<EventId> if_match(const http::Request& request) {
  const auto tag = request.header("If-Match");
  if (!tag || *tag == "*") return std::nullopt;
  if (tag->size() > 2 && tag->front() == '"' && tag->back() == '"')
    if (const auto version = parse_event_id(tag->substr(1, tag->size() - 2))) return version;
  malformed("If-Match must be one ETag as it was given, such as \"42.0\", or *");
}

std::optional<std::int64_t> query_number(const http::Request& request, std::string_view name,
                                         std::int64_t min, std::int64_t max) {
  const auto text = request.query_value(name);
  if (!text) return std::nullopt;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc() || end != text->data() + text->size() || number < min || number > max)
    invalid(name,
            "must be a whole number from " + std::to_string(min) + " to " + std::to_string(max));
  return number;
}

void add_position(http::Response& response, Position position) {
  response.headers.emplace_back("Event-Position", std::to_string(position.value));
}

Document purchase_document(const EntityView& view) {
  const PurchaseView& purchase = *std::get<Purchase>(view);
  return {purchase_to_json(purchase), to_string(purchase.purchase.purchase),
          purchase.purchase_version};
}

Document delivery_document(const EntityView& view) {
  const DeliveryRow row = to_delivery_row(*std::get<Purchase>(view));
  return {to_json(row), to_string(row.id), row.version};
}

Document account_document(const EntityView& view) {
  const AccountRow row = to_row(*std::get<Account>(view));
  return {to_json(row), to_string(row.id), row.version};
}

Document product_document(const EntityView& view) {
  const ProductRow row = to_row(*std::get<Product>(view));
  return {to_json(row), to_string(row.id), row.version};
}

Document past_product_document(const EntityView& view) {
  const ProductRow row = to_row(*std::get<Product>(view));
  return {past_to_json(row), to_string(row.id), row.version};
}

// What the answer to one command needs until it is given.
struct Asked {
  Backend backend;
  http::Exchange exchange;
  Resource resource;
  bool creates;
  std::optional<Scan> scan;  // of RecordScan
  bool confirms_receipt;
};

http::Response respond(const Asked& asked, const EntityView& view, Position position,
                       bool created) {
  const Document document = asked.resource.of(view);
  auto response = ok(document.json, position, document.version);
  if (created) {
    response.status = 201;
    response.headers.emplace_back("Location", std::string(asked.resource.path) + document.id);
  }
  return response;
}

http::Response replayed(http::Response response) {
  response.headers.emplace_back("Idempotent-Replayed", "true");
  return response;
}

// The delivery is not in memory: the read model, at the position of the refusal or a later one,
// knows why. The writer refused at `decided`.
http::Response respond_closed(const Asked& asked, PurchaseId id, Position decided,
                              const std::optional<DeliveryRow>& row, Position position) {
  const auto about = [&](http::Response response) {
    add_position(response, position);
    return response;
  };
  if (!row) return about(not_found(asked.resource.not_found, to_string(id)));
  // It is open, or what closed it came later, perhaps this very command: bought at another instance
  // a moment ago, and the writer here has yet to hear of it.
  if (!row->closed_at || row->version.position > decided) return to_response(NotDecided::not_ready);
  if (asked.confirms_receipt && row->status == DeliveryStatus::receipt_confirmed)
    return ok(to_json(*row), position, row->version);
  if (asked.scan) {
    if (std::find(row->scans.begin(), row->scans.end(), *asked.scan) != row->scans.end())
      return ok(to_json(*row), position, row->version);
    if (row->status == DeliveryStatus::cancelled ||
        (row->status == DeliveryStatus::returned_to_sender &&
         asked.scan->status == DeliveryStatus::delivered))
      return about(illegal_status_change(id, row->status, asked.scan->status));
  }
  return about(purchase_closed(id, row->status));
}

// What the read model knows at a position that was reached already, at least by the log.
ReadAt at_position(Position position) {
  return {.min_position = position, .wait = default_wait};
}

// One overload per result of the writer.
struct Respond {
  std::shared_ptr<const Asked> asked;
  Position position;

  void operator()(Recorded recorded) const {
    asked->exchange.respond_with(
        [asked = asked, position = position, entity = std::move(recorded.entity)] {
          return respond(*asked, entity, position, asked->creates);
        });
  }
  void operator()(Unchanged unchanged) const {
    asked->exchange.respond_with(
        [asked = asked, position = position, entity = std::move(unchanged.entity)] {
          return respond(*asked, entity, position, false);
        });
  }
  void operator()(Repeated repeated) const {
    asked->backend.commands->log_lookup.find(
        repeated.event, [asked = asked, id = repeated.event](std::optional<RecordedEvent> event) {
          answer_again(asked, id, event);
        });
  }
  void operator()(Refusal refusal) const {
    if (const auto* no = std::get_if<refusal::NoOpenPurchase>(&refusal)) {
      return answer_query(asked->backend, at_position(position), asked->exchange,
                          delivery_by_id(no->purchase),
                          [asked = asked, id = no->purchase, decided = position](
                              const std::optional<DeliveryRow>& row, Position reached) {
                            return respond_closed(*asked, id, decided, row, reached);
                          });
    }
    asked->exchange.respond_with([refusal = std::move(refusal), position = position] {
      auto response = to_response(refusal);
      add_position(response, position);
      return response;
    });
  }
  void operator()(NotDecided why) const { asked->exchange.respond(to_response(why)); }
  // Only RequestQuote comes to this, and it is answered by its own handler.
  void operator()(const Offer&) const { invariant(false, "an offer has an answer of its own"); }

 private:
  static void answer_again(const std::shared_ptr<const Asked>& asked, EventId id,
                           const std::optional<RecordedEvent>& event) {
    if (!event) return asked->exchange.respond(to_response(NotDecided::outcome_unknown));
    if (const auto view = view_of(event->event, id)) {
      return asked->exchange.respond_with([asked, id, view = *view] {
        return replayed(respond(*asked, view, id.position, asked->creates));
      });
    }
    find_entity_as_of(
        asked->backend.read_models, entity_of(event->event), id, at_position(id.position),
        [asked, id](PastEntity past) {
          asked->exchange.respond_with([asked, id, past = std::move(past)] {
            return response_of(
                past, at_position(id.position),
                [&](const std::optional<EntityView>& view, Position) {
                  return view ? replayed(respond(*asked, *view, id.position, asked->creates))
                              : read_model_away();
                });
          });
        });
  }
};

http::Response quote_response(const Outcome& outcome, const Quotes& quotes, Timestamp now) {
  if (const auto* offer = std::get_if<Offer>(&outcome.result)) {
    const std::string token = quotes.issue(new_id<PurchaseId>(), *offer, now);
    return ok(to_json(*offer, token, {now.ms + Quotes::lifetime_ms}), outcome.position);
  }
  if (const auto* why = std::get_if<NotDecided>(&outcome.result)) return to_response(*why);
  auto response = to_response(std::get<Refusal>(outcome.result));
  add_position(response, outcome.position);
  return response;
}

}  // namespace

const Resource account_resource{"/accounts/", account_document, problems::account_not_found};
const Resource product_resource{"/products/", product_document, problems::product_not_found};
const Resource past_product_resource{"/products/", past_product_document,
                                     problems::product_not_found};
const Resource purchase_resource{"/purchases/", purchase_document, problems::purchase_not_found};
const Resource delivery_resource{"/deliveries/", delivery_document, problems::delivery_not_found};

namespace {

http::AnyHandler bind(const Backend& backend, Serve serve) {
  return http::Handler([backend, serve](http::Request&& request, const http::Exchange& exchange) {
    or_problem(exchange, [&] { serve(backend, request, exchange); });
  });
}

http::AnyHandler bind(const Backend& backend, ServeStreaming serve) {
  return http::StreamingHandler([backend, serve](http::Request&& request,
                                                 const http::BodyStream& body,
                                                 const http::Exchange& exchange) {
    or_problem(exchange, [&] { serve(backend, request, body, exchange); });
  });
}

bool is_command(openapi::Kind kind) {
  using openapi::Kind;
  return kind == Kind::command || kind == Kind::create || kind == Kind::rows || kind == Kind::quote;
}

http::AnyHandler turn_away(Serve) {
  return http::Handler([](http::Request&&, const http::Exchange& exchange) {
    exchange.respond(takes_no_commands());
  });
}

// Before any of the body has come.
http::AnyHandler turn_away(ServeStreaming) {
  return http::StreamingHandler(
      [](http::Request&&, const http::BodyStream&, const http::Exchange& exchange) {
        exchange.respond(takes_no_commands());
      });
}

// RFC 9110, section 8.3.1: in any case, and parameters may follow.
bool has_media_type(const http::Request& request, std::string_view expected) {
  std::string_view type = request.header("Content-Type").value_or("");
  type = type.substr(0, std::min(type.find_first_of("; \t"), type.size()));
  return http::equal_ignoring_case(type, expected);
}

}  // namespace

std::vector<Route> on_backend(const Backend& backend, std::span<const ServiceRoute> routes) {
  std::vector<Route> bound;
  for (const ServiceRoute& route : routes) {
    const bool taken = backend.commands || !is_command(route.operation.kind);
    const auto handler = [&](auto serve) {
      return taken ? bind(backend, serve) : turn_away(serve);
    };
    bound.push_back(
        {route.method, route.pattern, std::visit(handler, route.serve), route.operation});
  }
  return bound;
}

Body json_body(const http::Request& request) {
  if (!has_media_type(request, "application/json"))
    throw Problem{http::problem(problems::unsupported_media_type,
                                "The body must be JSON: Content-Type: application/json")};
  return Body(request.body);
}

void import_rows(const Backend& backend, const http::Request& request, const http::BodyStream& body,
                 const http::Exchange& exchange, Command (*to_command)(Body row)) {
  if (!has_media_type(request, "application/x-ndjson"))
    throw Problem{http::problem(problems::unsupported_media_type,
                                "The body must be NDJSON: Content-Type: application/x-ndjson")};
  Importer::Order order{.to_command = to_command,
                        .target = request.target,
                        .key_prefix = {},
                        .correlation = correlation_of(request)};
  if (const auto key = idempotency_key(request)) order.key_prefix = *key;
  backend.commands->importer.begin(std::move(order), body, exchange);
}

std::optional<EventId> last_event_id(const http::Request& request) {
  auto text = request.header("Last-Event-ID");
  if (!text) text = request.query_value("lastEventId");
  if (!text || text->empty()) return std::nullopt;
  const auto id = parse_event_id(*text);
  if (!id) malformed("Last-Event-ID is not an event id, such as 42.0");
  return id;
}

std::string query_name(const http::Request& request) {
  return clean_text(request.query_value("name").value_or(""), "name", 1, max_name);
}

std::string query_beginning(const http::Request& request) {
  return clean_text(request.query_value("name").value_or(""), "name", 0, max_name);
}

void execute(const Backend& backend, const http::Request& request, const http::Exchange& exchange,
             Command command, const Resource& resource, bool creates) {
  auto asked = std::make_shared<Asked>(Asked{backend, exchange, resource, creates, {}, false});
  if (const auto* scan = std::get_if<RecordScan>(&command)) asked->scan = scan->scan;
  asked->confirms_receipt = std::holds_alternative<ConfirmReceipt>(command);
  const Timestamp at = time_of(command, system_now());
  backend.commands->writer.submit(
      {.command = std::move(command),
       .conditions = {.key = command_key(request), .if_match = if_match(request)},
       .at = at,
       .correlation = correlation_of(request),
       .actor = {},
       .answer = [asked = std::shared_ptr<const Asked>(std::move(asked))](Outcome outcome) {
         std::visit(Respond{asked, outcome.position}, std::move(outcome.result));
       }});
}

void ask_for_quote(const Backend& backend, const http::Exchange& exchange, RequestQuote command) {
  const Timestamp now = system_now();
  const Quotes& quotes = backend.commands->quotes;
  backend.commands->writer.submit({.command = std::move(command),
                                   .conditions = {},
                                   .at = now,
                                   .correlation = {},
                                   .actor = {},
                                   .answer = [exchange, now, &quotes](Outcome outcome) {
                                     exchange.respond_with(
                                         [outcome = std::move(outcome), now, &quotes] {
                                           return quote_response(outcome, quotes, now);
                                         });
                                   }});
}

ReadAt read_at(const http::Request& request) {
  const auto position = query_number(request, "minPosition", 0, INT64_MAX);
  const auto wait = query_number(request, "waitMs", 0, max_wait_ms);
  return {.min_position = {static_cast<std::uint64_t>(position.value_or(0))},
          .wait = std::chrono::milliseconds(wait.value_or(default_wait.count()))};
}

std::optional<ReadAt> as_of(const http::Request& request) {
  const auto position = query_number(request, "asOf", 1, INT64_MAX);
  if (!position) return std::nullopt;
  if (request.query_value("minPosition"))
    invalid("asOf", "cannot be combined with minPosition: it is waited for by itself");
  ReadAt at = read_at(request);
  at.min_position = {static_cast<std::uint64_t>(*position)};
  return at;
}

std::size_t page_limit(const http::Request& request) {
  return static_cast<std::size_t>(query_number(request, "limit", 1, max_page).value_or(20));
}

http::Response not_found_at(const http::ProblemType& type, std::string_view which,
                            Position position) {
  auto response = not_found(type, which);
  add_position(response, position);
  return response;
}

http::Response ok(const Json& json, Position position) {
  http::Response response{200, "application/json", json.text(), {}};
  add_position(response, position);
  return response;
}

http::Response ok(const Json& json, Position position, EventId version) {
  auto response = ok(json, position);
  response.headers.emplace_back("ETag", '"' + to_string(version) + '"');
  return response;
}

void with_buyer(const Backend& backend, const http::Request& request,
                const http::Exchange& exchange, ListOfBuyer list) {
  const auto text = request.query_value("buyer");
  if (!text) return list(std::nullopt);
  if (const auto id = parse_id<AccountId>(*text)) return list(id);
  const std::string name = clean_text(*text, "buyer", 1, max_name);
  using Found = std::optional<AccountRow>;
  backend.read_models.query<Found>(
      account_by_name(name), read_at(request),
      [exchange, name, list = std::move(list), at = read_at(request)](QueryResult<Found> result) {
        if (auto none = no_answer(result, at.min_position))
          return exchange.respond(std::move(*none));
        const auto& [account, position] = std::get<Answer<Found>>(result);
        if (!account)
          return exchange.respond(not_found_at(problems::account_not_found, name, position));
        list(account->id);
      });
}

void answer_as_of(const Backend& backend, ReadAt then, const http::Exchange& exchange,
                  const Entity& entity, const Resource& resource) {
  find_entity_as_of(
      backend.read_models, entity, last_event_at(then.min_position), then,
      [exchange, then, id = entity.id, resource](PastEntity past) {
        exchange.respond_with([then, id, resource, past = std::move(past)] {
          return response_of(
              past, then, [&](const std::optional<EntityView>& view, Position) -> http::Response {
                if (!view)
                  return not_found_at(resource.not_found, to_string(id), then.min_position);
                const Document document = resource.of(*view);
                return ok(document.json, then.min_position, document.version);
              });
        });
      });
}

void answer_history(const Backend& backend, const http::Request& request,
                    const http::Exchange& exchange, const Entity& entity,
                    const http::ProblemType& not_found_type) {
  From<EventId> from{.limit = page_limit(request)};
  if (const auto after = request.query_value("after")) {
    from.after = parse_event_id(*after);
    if (!from.after) invalid("after", "is not an event id, such as 42.0");
  }
  answer_list(backend, read_at(request), exchange, history_of(entity, from),
              [entity, not_found_type, from_first = !from.after](const Page<HistoryRow>& page,
                                                                 Position position) {
                // Whatever exists has a first event.
                if (from_first && page.items.empty())
                  return not_found_at(not_found_type, to_string(entity.id), position);
                return ok(page_json(page), position);
              });
}

}  // namespace jangbu
