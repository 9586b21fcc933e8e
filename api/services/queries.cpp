#include "api/services/queries.hpp"

#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "api/answers/problem_types.hpp"
#include "infra/text.hpp"
#include "projections/queries/entity_as_of.hpp"
#include "projections/tables/accounts.hpp"
#include "projections/tables/history.hpp"

namespace jangbu {

std::function<bool()> still_there(const http::Exchange& exchange) {
  return [exchange] { return !exchange.client_gone(); };
}

namespace {

// The buyer in the query, by id or by its name; nothing: none is given.
std::optional<std::variant<AccountId, std::string>> asked_buyer(const http::Request& request) {
  const auto text = request.query_value("buyer");
  if (const auto id = query_id<AccountId>(request, "buyerId")) {
    if (text) invalid("buyerId", "cannot be combined with buyer: give one of them");
    return *id;
  }
  if (!text) return std::nullopt;
  if (const auto id = parse_id<AccountId>(*text)) return *id;
  return clean_text(*text, "buyer", 1, max_name);
}

}  // namespace

void with_buyer(const Call& call, ListOfBuyer list) {
  const ReadAt at = read_at(call.request);
  with_sight(call, at,
             [backend = call.backend, at, exchange = call.exchange,
              asked = asked_buyer(call.request), list = std::move(list)](const Sight& sight) {
               if (!asked && sight.all) return list(std::nullopt);
               if (!asked && sight.accounts.empty())
                 return exchange.respond(
                     ok({{"items", Json::array()}, {"next", nullptr}}, sight.position));
               if (!asked) return list(sight.accounts.front());
               if (const auto* id = std::get_if<AccountId>(&*asked)) {
                 if (sight.all || sight.has(*id)) return list(*id);
                 return exchange.respond(sight.none(problems::account_not_found, to_string(*id)));
               }
               using Found = std::optional<AccountRow>;
               const auto& name = std::get<std::string>(*asked);
               backend.read_models.query<Found>(
                   account_by_name(name), at,
                   [exchange, name, sight, list](QueryResult<Found> result) {
                     if (auto none = no_answer(result)) return exchange.respond(std::move(*none));
                     const auto& [account, position] = std::get<Answer<Found>>(result);
                     if (!account || !sight.sees(*account))
                       return exchange.respond(
                           with_position(sight.none(problems::account_not_found, name), position));
                     list(account->id);
                   });
             });
}

void if_seen(const Call& call, ReadAt at, const Entity& entity,
             const http::ProblemType& not_found_type, std::function<void(const Sight&)> then) {
  const auto look = [backend = call.backend, at, exchange = call.exchange, entity, not_found_type,
                     then]<class Row>(const Sight& sight, Query<std::optional<Row>> query) {
    using Found = std::optional<Row>;
    backend.read_models.query<Found>(
        std::move(query), at,
        [exchange, sight, entity, not_found_type, then](QueryResult<Found> result) {
          if (auto none = no_answer(result)) return exchange.respond(std::move(*none));
          const auto& [row, position] = std::get<Answer<Found>>(result);
          if (row && sight.sees(*row)) return then(sight);
          exchange.respond(
              with_position(sight.none(not_found_type, to_string(entity.id)), position));
        });
  };
  const Sight sight = sight_without_accounts(*call.asker());
  if (sight.all || entity.kind == EntityKind::product) return then(sight);
  if (entity.kind == EntityKind::account)
    return look(sight, account_by_id(id_cast<AccountId>(entity.id)));
  with_sight(call, at, [look, entity](const Sight& full) {
    look(full, delivery_by_id(id_cast<PurchaseId>(entity.id)));
  });
}

void answer_as_of(const Call& call, ReadAt then, const Entity& entity, const Resource& resource) {
  if_seen(call, then, entity, resource.not_found,
          [&read_models = call.backend.read_models, then, exchange = call.exchange, entity,
           resource, headers = call.request.headers](const Sight&) {
            find_entity_as_of(
                read_models, entity, last_event_at(then.min_position), then, still_there(exchange),
                [exchange, then, id = entity.id, resource, headers](PastEntity past) {
                  exchange.respond_with([then, id, resource, headers, past = std::move(past)] {
                    return response_of(
                        past,
                        [&](const std::optional<EntityView>& view, Position) -> http::Response {
                          if (!view)
                            return with_position(not_found(resource.not_found, to_string(id)),
                                                 then.min_position);
                          const Document document = resource.of(*view);
                          return unless_known(ok(document.json, then.min_position, document.tag),
                                              headers);
                        });
                  });
                });
          });
}

namespace {

// Who of the staff did something, or whose it is, is not for everybody who may see that it was
// done.
Page<HistoryRow> without_principals(Page<HistoryRow> page) {
  for (HistoryRow& row : page.items) {
    row.recorded.envelope.actor.clear();
    std::visit(
        [](auto& fact) {
          if constexpr (requires { fact.state.owner; }) fact.state.owner.reset();
          if constexpr (requires { fact.state.seller; }) fact.state.seller.reset();
        },
        row.recorded.event);
  }
  return page;
}

}  // namespace

void answer_history(const Call& call, const Entity& entity,
                    const http::ProblemType& not_found_type) {
  From<EventId> from{.limit = page_limit(call.request)};
  if (const auto after = call.request.query_value("after")) {
    from.after = parse_event_id(*after);
    if (!from.after) invalid("after", "is not an event id, such as 42.0");
  }
  const ReadAt at = read_at(call.request);
  if_seen(call, at, entity, not_found_type,
          [backend = call.backend, at, exchange = call.exchange, entity, not_found_type,
           from](const Sight& sight) {
            answer_list(backend, at, exchange, history_of(entity, from),
                        [entity, not_found_type, from_first = !from.after, all = sight.all](
                            const Page<HistoryRow>& page, Position position) {
                          // Every entity that exists has a first event.
                          if (from_first && page.items.empty())
                            return with_position(not_found(not_found_type, to_string(entity.id)),
                                                 position);
                          return ok(page_json(all ? page : without_principals(page)), position);
                        });
          });
}

}  // namespace jangbu
