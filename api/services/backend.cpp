#include "api/services/backend.hpp"

#include <algorithm>
#include <charconv>
#include <memory>

#include "api/http/ascii.hpp"
#include "api/http/entity_tags.hpp"
#include "api/requests/command_key.hpp"
#include "infra/ids.hpp"
#include "projections/queries/entity_as_of.hpp"

namespace jangbu {

using namespace std::chrono_literals;

namespace {

// How long an answer that needs the read model waits for it.
constexpr auto default_wait = 2000ms;
constexpr std::int64_t max_wait_ms = 10'000;
constexpr std::int64_t max_page = 100;

using Versions = std::vector<EventId>;

// The version in one of our entity tags, which begin with it; tags are compared as they are
// written.
std::optional<EventId> version_in(std::string_view tag, bool names_stock) {
  tag = tag.substr(1, tag.size() - 2);
  if (names_stock) {
    const std::string_view stock = tag.substr(std::min(tag.find('-'), tag.size()));
    if (std::ranges::all_of(stock.substr(std::min<std::size_t>(1, stock.size())), http::is_digit))
      tag.remove_suffix(stock.size());
  }
  const auto version = parse_event_id(tag);
  return version && to_string(*version) == tag ? version : std::nullopt;
}

// RFC 9110, section 13.1.1: the comparison is strong, and tags that are not ours never match.
std::optional<Versions> if_match(const http::Request& request, const Resource& resource) {
  const auto asked = http::entity_tags(request.headers, "If-Match");
  if (!asked) return std::nullopt;
  if (!asked->valid) malformed("If-Match must be ETags as they were given, such as \"42.0\", or *");
  if (asked->any) return std::nullopt;
  Versions versions;
  for (const http::EntityTag& tag : asked->tags)
    if (const auto version = version_in(tag.opaque, resource.tag_names_stock); version && !tag.weak)
      versions.push_back(*version);
  return versions;
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
          to_string(purchase.purchase_version)};
}

Document delivery_document(const EntityView& view) {
  const DeliveryRow row = to_delivery_row(*std::get<Purchase>(view));
  return {to_json(row), to_string(row.id), tag_of(row)};
}

Document account_document(const EntityView& view) {
  const AccountRow row = to_row(*std::get<Account>(view));
  return {to_json(row), to_string(row.id), tag_of(row)};
}

Document product_document(const EntityView& view) {
  const ProductRow row = to_row(*std::get<Product>(view));
  return {to_json(row), to_string(row.id), tag_of(row)};
}

Document past_product_document(const EntityView& view) {
  const ProductRow row = to_row(*std::get<Product>(view));
  return {past_to_json(row), to_string(row.id), to_string(row.version)};
}

// What the answer to one command needs until it is given.
struct Asked {
  Backend backend;
  http::Exchange exchange;
  Resource resource;
  bool creates;
  std::optional<Scan> scan;  // of RecordScan
  bool confirms_receipt;
  Conditions conditions;
  std::string correlation;
};

http::Response respond(const Asked& asked, const EntityView& view, Position position,
                       bool created) {
  const Document document = asked.resource.of(view);
  auto response = ok(document.json, position, document.tag);
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

// A closed delivery is as the command wants it: its receipt was confirmed, or it has the scan. (A
// cancelled one takes none, known or not.)
bool is_as_asked(const Asked& asked, const DeliveryRow& closed) {
  if (asked.confirms_receipt) return closed.status == DeliveryStatus::receipt_confirmed;
  return asked.scan && closed.status != DeliveryStatus::cancelled &&
         std::find(closed.scans.begin(), closed.scans.end(), *asked.scan) != closed.scans.end();
}

bool meets_condition(const Asked& asked, const DeliveryRow& row) {
  return !asked.conditions.if_match || std::ranges::find(*asked.conditions.if_match, row.version) !=
                                           asked.conditions.if_match->end();
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
  if (!meets_condition(asked, *row))
    return about(to_response(refusal::VersionDiffers{*asked.conditions.if_match, row->version}));
  if (is_as_asked(asked, *row)) return ok(to_json(*row), position, tag_of(*row));
  if (asked.scan && (row->status == DeliveryStatus::cancelled ||
                     (row->status == DeliveryStatus::returned_to_sender &&
                      asked.scan->status == DeliveryStatus::delivered)))
    return about(illegal_status_change(id, row->status, asked.scan->status));
  return about(purchase_closed(id, row->status));
}

// What the read model knows at a position that was reached already, at least by the log.
ReadAt at_position(Position position) {
  return {.min_position = position, .wait = default_wait};
}

// Whether anybody still waits for the answer.
std::function<bool()> still_there(const http::Exchange& exchange) {
  return [exchange] { return !exchange.client_gone(); };
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
        repeated.event,
        [asked = asked, id = repeated.event](std::optional<RecordedEvent> event) {
          answer_again(asked, id, event);
        },
        still_there(asked->exchange));
  }
  void operator()(Refusal refusal) const {
    if (const auto* no = std::get_if<refusal::NoOpenPurchase>(&refusal))
      return answer_closed(asked, no->purchase, position);
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
  using FoundEvent = std::optional<RecordedEvent>;

  static void answer_again(const std::shared_ptr<const Asked>& asked, EventId id,
                           const FoundEvent& event) {
    const auto* nothing = event ? std::get_if<NothingChanged>(&event->event) : nullptr;
    if (!nothing) return show_again(asked, id, event, {.position = id.position, .stock = {}});
    asked->backend.commands->log_lookup.find(
        nothing->version,
        [asked, version = nothing->version, shown = Shown{id.position, nothing->stock}](
            const FoundEvent& left) { show_again(asked, version, left, shown); });
  }

  // What the first answer showed beside what the event `left` tells.
  struct Shown {
    Position position;
    std::optional<std::int64_t> stock;
  };

  static void show_again(const std::shared_ptr<const Asked>& asked, EventId id,
                         const FoundEvent& left, Shown shown) {
    if (!left) return asked->exchange.respond(to_response(NotDecided::outcome_unknown));
    if (auto view = view_of(left->event, id)) {
      if (shown.stock) view = with_stock(*std::get<Product>(*view), *shown.stock);
      return asked->exchange.respond_with([asked, shown, view = *view] {
        return replayed(respond(*asked, view, shown.position, asked->creates));
      });
    }
    find_entity_as_of(
        asked->backend.read_models, entity_of(left->event), id, at_position(id.position),
        still_there(asked->exchange), [asked, id, shown](PastEntity past) {
          asked->exchange.respond_with([asked, id, shown, past = std::move(past)] {
            return response_of(
                past, at_position(id.position),
                [&](const std::optional<EntityView>& view, Position) {
                  return view ? replayed(respond(*asked, *view, shown.position, asked->creates))
                              : read_model_away();
                });
          });
        });
  }

  static Product with_stock(ProductView product, std::int64_t stock) {
    product.state.stock = stock;
    return std::make_shared<const ProductView>(std::move(product));
  }

  // The writer refused at `decided`, since the delivery is not in memory.
  static void answer_closed(const std::shared_ptr<const Asked>& asked, PurchaseId id,
                            Position decided) {
    using Found = std::optional<DeliveryRow>;
    const ReadAt at = at_position(decided);
    asked->backend.read_models.query<Found>(
        delivery_by_id(id), at, [asked, id, decided, at](QueryResult<Found> result) {
          const auto* found = std::get_if<Answer<Found>>(&result);
          if (asked->conditions.key && found && found->value && found->value->closed_at &&
              found->value->version.position <= decided && meets_condition(*asked, *found->value) &&
              is_as_asked(*asked, *found->value))
            return remember_closed(asked, *found->value);
          asked->exchange.respond_with([asked, id, decided, at, result = std::move(result)] {
            return response_of(result, at, [&](const Found& row, Position reached) {
              return respond_closed(*asked, id, decided, row, reached);
            });
          });
        });
  }

  // It is as asked already; but the command's key has to be remembered, which is the writer's.
  static void remember_closed(const std::shared_ptr<const Asked>& asked, const DeliveryRow& row) {
    asked->backend.commands->writer.submit(
        {.command = LeaveClosed{row.id, row.version},
         .conditions = {.key = asked->conditions.key,
                        .former_key = asked->conditions.former_key,
                        .if_match = {}},
         .at = system_now(),
         .correlation = asked->correlation,
         .actor = {},
         .answer = [asked, row](Outcome outcome) {
           const auto* done = std::get_if<Repeated>(&outcome.result);
           const bool is_first = done && done->purchase;  // else another of this key came before it
           if (!is_first)
             return std::visit(Respond{asked, outcome.position}, std::move(outcome.result));
           asked->exchange.respond_with([row, position = outcome.position] {
             return ok(to_json(row), position, tag_of(row));
           });
         }});
  }
};

http::Response quote_response(const Outcome& outcome, const Quotes& quotes, Timestamp now) {
  if (const auto* offer = std::get_if<Offer>(&outcome.result)) {
    const std::string token = quotes.issue(new_id<QuoteId>(), *offer, now);
    return ok(to_json(*offer, token, {now.ms + Quotes::lifetime_ms}), outcome.position);
  }
  if (const auto* why = std::get_if<NotDecided>(&outcome.result)) return to_response(*why);
  auto response = to_response(std::get<Refusal>(outcome.result));
  add_position(response, outcome.position);
  return response;
}

}  // namespace

const Resource account_resource{"/accounts/", account_document, problems::account_not_found};
const Resource product_resource{"/products/", product_document, problems::product_not_found, true};
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

// Without a length nobody knows that there is no body because none was meant.
void require_length(const http::Request& request) {
  if (request.header("Content-Length") || request.header("Transfer-Encoding")) return;
  throw Problem{
      http::problem(problems::length_required, "Send the body with Content-Length, or in chunks.")};
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
  const bool is_patch = request.method == http::Method::patch;
  if (!has_media_type(request, "application/json") &&
      !(is_patch && has_media_type(request, openapi::merge_patch)))
    throw Problem{
        http::problem(problems::unsupported_media_type,
                      std::string("The body must be JSON: Content-Type: application/json") +
                          (is_patch ? " or " + std::string(openapi::merge_patch) : ""))};
  require_length(request);
  return Body(request.body);
}

void import_rows(const Backend& backend, const http::Request& request, const http::BodyStream& body,
                 const http::Exchange& exchange, Command (*to_command)(Body row)) {
  if (!has_media_type(request, "application/x-ndjson"))
    throw Problem{http::problem(problems::unsupported_media_type,
                                "The body must be NDJSON: Content-Type: application/x-ndjson")};
  require_length(request);
  backend.commands->importer.begin({.to_command = to_command,
                                    .keys = RowKeys::of(request),
                                    .correlation = correlation_of(request)},
                                   body, exchange);
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
  return clean_text(request.query_value("name").value_or(""), "name", 0, max_name,
                    TextKind::beginning);
}

void execute(const Backend& backend, const http::Request& request, const http::Exchange& exchange,
             Command command, const Resource& resource, bool creates) {
  auto asked = std::make_shared<Asked>(
      Asked{.backend = backend,
            .exchange = exchange,
            .resource = resource,
            .creates = creates,
            .scan = {},
            .confirms_receipt = false,
            .conditions = {.key = {}, .former_key = {}, .if_match = if_match(request, resource)},
            .correlation = correlation_of(request)});
  if (const auto* scan = std::get_if<RecordScan>(&command)) asked->scan = scan->scan;
  asked->confirms_receipt = std::holds_alternative<ConfirmReceipt>(command);
  const Timestamp at = time_of(command, system_now());
  if (const auto keyed = keyed_request(request)) {
    asked->conditions.key = keyed->key;
    asked->conditions.former_key = keyed->former;
  }
  backend.commands->writer.submit(
      {.command = std::move(command),
       .conditions = asked->conditions,
       .at = at,
       .correlation = asked->correlation,
       .actor = {},
       .answer = [asked = std::shared_ptr<const Asked>(asked)](Outcome outcome) {
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

http::Response ok(const Json& json, Position position, std::string_view tag) {
  auto response = ok(json, position);
  response.headers.emplace_back("ETag", std::string("\"").append(tag).append("\""));
  return response;
}

http::Response unless_known(http::Response response, const http::Headers& request) {
  const auto tag =
      std::ranges::find(response.headers, "ETag", &std::pair<std::string, std::string>::first);
  if (tag == response.headers.end() || !http::is_known(request, tag->second)) return response;
  return {.status = 304, .headers = std::move(response.headers)};
}

void with_buyer(const Backend& backend, const http::Request& request,
                const http::Exchange& exchange, ListOfBuyer list) {
  const auto text = request.query_value("buyer");
  if (const auto id = query_id<AccountId>(request, "buyerId")) {
    if (text) invalid("buyerId", "cannot be combined with buyer: give one");
    return list(id);
  }
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

void answer_as_of(const Backend& backend, const http::Request& request, ReadAt then,
                  const http::Exchange& exchange, const Entity& entity, const Resource& resource) {
  find_entity_as_of(
      backend.read_models, entity, last_event_at(then.min_position), then, still_there(exchange),
      [exchange, then, id = entity.id, resource, headers = request.headers](PastEntity past) {
        exchange.respond_with([then, id, resource, headers, past = std::move(past)] {
          return response_of(
              past, then, [&](const std::optional<EntityView>& view, Position) -> http::Response {
                if (!view)
                  return not_found_at(resource.not_found, to_string(id), then.min_position);
                const Document document = resource.of(*view);
                return unless_known(ok(document.json, then.min_position, document.tag), headers);
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
