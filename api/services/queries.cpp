#include "api/services/queries.hpp"

#include "api/answers/problem_types.hpp"
#include "infra/text.hpp"
#include "projections/queries/entity_as_of.hpp"
#include "projections/tables/accounts.hpp"
#include "projections/tables/history.hpp"

namespace jangbu {

std::function<bool()> still_there(const http::Exchange& exchange) {
  return [exchange] { return !exchange.client_gone(); };
}

void with_buyer(const Backend& backend, const http::Request& request,
                const http::Exchange& exchange, ListOfBuyer list) {
  const auto text = request.query_value("buyer");
  if (const auto id = query_id<AccountId>(request, "buyerId")) {
    if (text) invalid("buyerId", "cannot be combined with buyer: give one of them");
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
          return exchange.respond(
              with_position(not_found(problems::account_not_found, name), position));
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
                  return with_position(not_found(resource.not_found, to_string(id)),
                                       then.min_position);
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
                // Every entity that exists has a first event.
                if (from_first && page.items.empty())
                  return with_position(not_found(not_found_type, to_string(entity.id)), position);
                return ok(page_json(page), position);
              });
}

}  // namespace jangbu
