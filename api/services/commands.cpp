#include "api/services/commands.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "api/answers/problem_types.hpp"
#include "api/answers/problems.hpp"
#include "api/answers/represent.hpp"
#include "api/jobs/import.hpp"
#include "api/log/log_lookup.hpp"
#include "api/requests/command_key.hpp"
#include "api/requests/parameters.hpp"
#include "api/services/queries.hpp"
#include "api/services/quotes.hpp"
#include "api/services/sight.hpp"
#include "commands/writer.hpp"
#include "infra/ids.hpp"
#include "projections/queries/entity_as_of.hpp"

namespace jangbu {

namespace {

// What is needed to answer a command.
struct Asked {
  Backend backend;
  http::Exchange exchange;
  Asker asker;
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

// Whether a closed delivery already is as the command wants it: its receipt was confirmed, or it
// has the scan. (A cancelled one takes no scan, known or not.)
bool is_as_asked(const Asked& asked, const DeliveryRow& closed) {
  if (asked.confirms_receipt) return closed.status == DeliveryStatus::receipt_confirmed;
  return asked.scan && closed.status != DeliveryStatus::cancelled &&
         std::find(closed.scans.begin(), closed.scans.end(), *asked.scan) != closed.scans.end();
}

bool meets_condition(const Asked& asked, const DeliveryRow& row) {
  return !asked.conditions.if_match || std::ranges::find(*asked.conditions.if_match, row.version) !=
                                           asked.conditions.if_match->end();
}

// The delivery is not in memory: the read model, at the position of the refusal or later, knows
// why. `decided`: the position at which the writer refused.
http::Response respond_closed(const Asked& asked, PurchaseId id, Position decided,
                              const std::optional<DeliveryRow>& row, Position position) {
  if (!row) return with_position(not_found(asked.resource.not_found, to_string(id)), position);
  // It is open, or was closed later, perhaps by this very command: bought at another instance a
  // moment ago, and the writer here does not know of it yet.
  if (!row->closed_at || row->version.position > decided) return problem_of(NotDecided::not_ready);
  if (!meets_condition(asked, *row))
    return with_position(
        problem_of(refusal::VersionDiffers{*asked.conditions.if_match, row->version}), position);
  if (is_as_asked(asked, *row)) return ok(to_json(*row), position, tag_of(*row));
  if (asked.scan && (row->status == DeliveryStatus::cancelled ||
                     (row->status == DeliveryStatus::returned_to_sender &&
                      asked.scan->status == DeliveryStatus::delivered)))
    return with_position(illegal_status_change(id, row->status, asked.scan->status), position);
  return with_position(purchase_closed(id, row->status), position);
}

// For a position that at least the log has already reached.
ReadAt at_position(Position position) {
  return {.min_position = position, .wait = default_wait};
}

// One overload per result of the writer.
struct Respond {
  using FoundEvent = std::optional<RecordedEvent>;

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
        [asked = asked, repeated](const FoundEvent& event) {
          answer_again(asked, repeated, event);
        },
        still_there(asked->exchange));
  }
  void operator()(Refusal refusal) const {
    if (const auto* no = std::get_if<refusal::NoOpenPurchase>(&refusal))
      return answer_closed(asked, no->purchase, position);
    asked->exchange.respond_with([refusal = std::move(refusal), position = position] {
      return with_position(problem_of(refusal), position);
    });
  }
  void operator()(NotDecided why) const { asked->exchange.respond(problem_of(why)); }
  // Only RequestQuote ends this way, and its own handler answers it.
  void operator()(const Offer&) const { invariant(false, "an offer has an answer of its own"); }

 private:
  // What the first answer showed beyond what the event `left` says.
  struct Shown {
    Position position;
    std::optional<std::int64_t> stock;
    bool to_its_owner = false;  // only
  };

  static void answer_again(const std::shared_ptr<const Asked>& asked, const Repeated& repeated,
                           const FoundEvent& event) {
    const EventId id = repeated.event;
    Shown shown{.position = id.position, .stock = {}, .to_its_owner = repeated.unscoped};
    const auto* nothing = event ? std::get_if<NothingChanged>(&event->event) : nullptr;
    if (!nothing) return show_if_allowed(asked, id, event, shown);
    shown.stock = nothing->stock;
    asked->backend.commands->log_lookup.find(
        nothing->version, [asked, version = nothing->version, shown](const FoundEvent& left) {
          show_if_allowed(asked, version, left, shown);
        });
  }

  static void show_if_allowed(const std::shared_ptr<const Asked>& asked, EventId id,
                              const FoundEvent& left, const Shown& shown) {
    if (!shown.to_its_owner || !left) return show_again(asked, id, left, shown);
    with_sight(asked->backend, asked->asker, at_position(id.position), asked->exchange,
               [asked, id, left, shown](const Sight& sight) {
                 if (sight.owns(left->event)) return show_again(asked, id, left, shown);
                 asked->exchange.respond(problem_of(Refusal(refusal::KeyReused{})));
               });
  }

  static void show_again(const std::shared_ptr<const Asked>& asked, EventId id,
                         const FoundEvent& left, Shown shown) {
    if (!left) return asked->exchange.respond(problem_of(NotDecided::outcome_unknown));
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
            return response_of(past, [&](const std::optional<EntityView>& view, Position) {
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

  // The writer refused at `decided`, because the delivery is not in memory.
  static void answer_closed(const std::shared_ptr<const Asked>& asked, PurchaseId id,
                            Position decided) {
    with_sight(
        asked->backend, asked->asker, at_position(decided), asked->exchange,
        [asked, id, decided](const Sight& sight) { answer_closed(asked, sight, id, decided); });
  }

  static void answer_closed(const std::shared_ptr<const Asked>& asked, const Sight& sight,
                            PurchaseId id, Position decided) {
    using Found = std::optional<DeliveryRow>;
    asked->backend.read_models.query<Found>(
        delivery_by_id(id), at_position(decided),
        [asked, sight, id, decided](QueryResult<Found> result) {
          auto* found = std::get_if<Answer<Found>>(&result);
          if (found && found->value && !sight.sees(*found->value)) found->value.reset();
          if (asked->conditions.key && found && found->value && found->value->closed_at &&
              found->value->version.position <= decided && meets_condition(*asked, *found->value) &&
              is_as_asked(*asked, *found->value))
            return remember_closed(asked, *found->value);
          asked->exchange.respond_with([asked, id, decided, result = std::move(result)] {
            return response_of(result, [&](const Found& row, Position reached) {
              return respond_closed(*asked, id, decided, row, reached);
            });
          });
        });
  }

  // The delivery already is as asked; but only the writer can remember the command's key.
  static void remember_closed(const std::shared_ptr<const Asked>& asked, const DeliveryRow& row) {
    asked->backend.commands->writer.submit(
        {.command = LeaveClosed{row.id, row.version},
         .conditions = {.key = asked->conditions.key,
                        .former_keys = asked->conditions.former_keys,
                        .if_match = {}},
         .at = system_now(),
         .correlation = asked->correlation,
         .asker = asked->asker,
         .answer = [asked, row](Outcome outcome) {
           const auto* done = std::get_if<Repeated>(&outcome.result);
           const bool is_first = done && done->purchase;  // else another with this key came first
           if (!is_first)
             return std::visit(Respond{asked, outcome.position}, std::move(outcome.result));
           asked->exchange.respond_with([row, position = outcome.position] {
             return ok(to_json(row), position, tag_of(row));
           });
         }});
  }
};

http::Response quote_response(const Outcome& outcome, const Quotes& quotes, const Principal& asker,
                              Timestamp now) {
  if (const auto* offer = std::get_if<Offer>(&outcome.result)) {
    const std::string token = quotes.issue(new_id<QuoteId>(), *offer, asker, now);
    return ok(to_json(*offer, token, {now.ms + Quotes::lifetime_ms}), outcome.position);
  }
  if (const auto* why = std::get_if<NotDecided>(&outcome.result)) return problem_of(*why);
  return with_position(problem_of(std::get<Refusal>(outcome.result)), outcome.position);
}

}  // namespace

void execute(const Call& call, Command command, const Resource& resource, bool creates) {
  auto asked = std::make_shared<Asked>(
      Asked{.backend = call.backend,
            .exchange = call.exchange,
            .asker = call.asker(),
            .resource = resource,
            .creates = creates,
            .scan = {},
            .confirms_receipt = false,
            .conditions = {.if_match = if_match(call.request, resource.tag_names_stock)},
            .correlation = correlation_of(call.request)});
  if (const auto* scan = std::get_if<RecordScan>(&command)) asked->scan = scan->scan;
  asked->confirms_receipt = std::holds_alternative<ConfirmReceipt>(command);
  const Timestamp at = time_of(command, system_now());
  if (auto keyed = keyed_request(call.request, *call.asker())) {
    asked->conditions.key = keyed->key;
    asked->conditions.former_keys = std::move(keyed->former);
  }
  call.backend.commands->writer.submit(
      {.command = std::move(command),
       .conditions = asked->conditions,
       .at = at,
       .correlation = asked->correlation,
       .asker = asked->asker,
       .answer = [asked = std::shared_ptr<const Asked>(asked)](Outcome outcome) {
         std::visit(Respond{asked, outcome.position}, std::move(outcome.result));
       }});
}

void ask_for_quote(const Call& call, RequestQuote command) {
  const Timestamp now = system_now();
  const Quotes& quotes = call.backend.commands->quotes;
  call.backend.commands->writer.submit(
      {.command = std::move(command),
       .conditions = {},
       .at = now,
       .correlation = {},
       .asker = call.asker(),
       .answer = [exchange = call.exchange, asker = call.asker(), now, &quotes](Outcome outcome) {
         exchange.respond_with([outcome = std::move(outcome), asker, now, &quotes] {
           return quote_response(outcome, quotes, *asker, now);
         });
       }});
}

// Of an import at another instance, which wants the line of its answer.
void import_row(const Call& call, std::uint64_t line, ToCommand to_command) {
  const CommandSide& commands = *call.backend.commands;
  const auto keys = RowKeys::of(call.request, *call.asker());
  take_row(commands.writer, commands.log_lookup,
           {to_command, call.asker(), keys, correlation_of(call.request), line, call.request.body},
           [exchange = call.exchange](RowOutcome outcome) {
             if (const auto* why = std::get_if<NotDecided>(&outcome))
               return exchange.respond(problem_of(*why));
             exchange.respond({.content_type = "application/x-ndjson",
                               .body = std::move(std::get<std::string>(outcome))});
           });
}

void import_rows(const Call& call, const http::BodyStream& body, std::string_view service,
                 ToCommand to_command) {
  if (call.row) return import_row(call, *call.row, to_command);
  require_ndjson(call.request);
  http::Request head;
  head.method = call.request.method;
  head.target = call.request.target;
  head.headers = call.request.headers;
  call.backend.importer->begin({.service = service,
                                .request = std::move(head),
                                .to_command = to_command,
                                .asker = call.asker(),
                                .may_go_on = call.held(),
                                .keys = RowKeys::of(call.request, *call.asker()),
                                .correlation = correlation_of(call.request)},
                               body, call.exchange);
}

}  // namespace jangbu
