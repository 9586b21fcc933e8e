// From a request to show something to its answer, through the read models.
//
// Threads: called on HTTP workers, and never waits; answers come from the read models' threads.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "api/answers/documents.hpp"
#include "api/answers/page.hpp"
#include "api/answers/problems.hpp"
#include "api/answers/represent.hpp"
#include "api/http/exchange.hpp"
#include "api/http/message.hpp"
#include "api/requests/parameters.hpp"
#include "api/services/service.hpp"
#include "api/services/sight.hpp"
#include "events/values.hpp"
#include "projections/queries/read_models.hpp"

namespace jangbu {

// Whether the client still waits for the answer.
std::function<bool()> still_there(const http::Exchange& exchange);

// What `respond` makes of a value and its position, or 503.
template <class T, class Respond>
http::Response response_of(const QueryResult<T>& result, const Respond& respond) {
  if (auto none = no_answer(result)) return std::move(*none);
  const auto& answer = std::get<Answer<T>>(result);
  return respond(answer.value, answer.position);
}

// Runs the query, and answers with what `respond` makes of the result.
template <class T, class Respond>
void answer_query(const Backend& backend, ReadAt at, const http::Exchange& exchange, Query<T> query,
                  Respond respond) {
  backend.read_models.query<T>(
      std::move(query), at,
      [exchange, respond = std::move(respond)](QueryResult<T> result) mutable {
        exchange.respond_with([result = std::move(result), respond = std::move(respond)] {
          return response_of(result, respond);
        });
      });
}

// A single row, or what is said where there is none that the asker sees.
template <class Row>
void answer_one(const Call& call, Query<std::optional<Row>> query,
                const http::ProblemType& not_found_type, std::string which) {
  const ReadAt at = read_at(call.request);
  auto look = [backend = call.backend, at, exchange = call.exchange, query = std::move(query),
               not_found_type, which = std::move(which),
               headers = call.request.headers](const Sight& sight) mutable {
    answer_query(backend, at, exchange, std::move(query),
                 [sight, not_found_type, which = std::move(which), headers = std::move(headers)](
                     const std::optional<Row>& row, Position position) {
                   if (!row || !sight.sees(*row))
                     return with_position(sight.none(not_found_type, which), position);
                   return unless_known(ok(to_json(*row), position, tag_of(*row)), headers);
                 });
  };
  if constexpr (std::is_same_v<Row, AccountRow> || std::is_same_v<Row, ProductRow>)
    look(sight_without_accounts(*call.asker()));
  else
    with_sight(call, at, std::move(look));
}

// Puts the page into JSON on the thread that read it: that takes a while, and a service's HTTP
// worker has other clients.
template <class Row, class Respond>
void answer_list(const Backend& backend, ReadAt at, const http::Exchange& exchange,
                 Query<Page<Row>> query, Respond respond) {
  backend.read_models.query<Page<Row>>(
      std::move(query), at, [exchange, respond](QueryResult<Page<Row>> result) {
        exchange.respond_from_here([&] { return response_of(result, respond); });
      });
}

template <class Row>
void answer_page(const Backend& backend, ReadAt at, const http::Exchange& exchange,
                 Query<Page<Row>> query) {
  answer_list(
      backend, at, exchange, std::move(query),
      [](const Page<Row>& page, Position position) { return ok(page_json(page), position); });
}

// Calls `list` with the buyer whose things to list: the one in the query, given by id or by name;
// else the account that the asker has, or had last. None, for everybody's, only if the asker sees
// everything. A buyer without an account gets an empty page.
using ListOfBuyer = std::function<void(std::optional<AccountId>)>;
void with_buyer(const Call& call, ListOfBuyer list);

// Goes on if the entity exists and the asker sees it; answers otherwise. To those who see
// everything that says nothing about its existence.
void if_seen(const Call& call, ReadAt at, const Entity& entity,
             const http::ProblemType& not_found_type, std::function<void(const Sight&)> then);

// The entity as it was right after a position, with that position.
void answer_as_of(const Call& call, ReadAt then, const Entity& entity, const Resource& resource);

// The events of an entity, oldest first.
void answer_history(const Call& call, const Entity& entity,
                    const http::ProblemType& not_found_type);

inline constexpr std::string_view beginning_description =
    "Ordered by name. Meant for search as you type: ASCII letters match in either case, and the "
    "last syllable of a Korean name may be incomplete: ㅎ finds everything from 하 to 힣, 호 "
    "everything from 호 to 홓, 홍 only 홍.";

}  // namespace jangbu
