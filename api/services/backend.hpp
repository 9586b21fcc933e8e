// What the services answer with: commands go to the writer, queries to the read models.
//
// Threads: handlers run on HTTP workers and never wait; answers come from the writer's thread, the
// read models' or the log lookup's, and are put into JSON on the worker again.
// Ownership: a Backend refers to parts that outlive the servers.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "api/answers/page.hpp"
#include "api/answers/problem_types.hpp"
#include "api/answers/problems.hpp"
#include "api/answers/represent.hpp"
#include "api/http/router.hpp"
#include "api/jobs/import.hpp"
#include "api/log/log_lookup.hpp"
#include "api/requests/body.hpp"
#include "api/services/quotes.hpp"
#include "api/services/service.hpp"
#include "api/streams/event_feed.hpp"
#include "commands/writer.hpp"
#include "projections/queries/read_models.hpp"

namespace jangbu {

// What takes commands.
struct CommandSide {
  Writer& writer;
  LogLookup& log_lookup;
  const Quotes& quotes;
  Importer& importer;
};

struct Backend {
  const CommandSide* commands;  // null where another process takes them
  ReadModels& read_models;
  EventFeed& delivery_feed;
};

// --- Requests ------------------------------------------------------------------------------------

// What a service does with one kind of request. It may throw a Problem, which is then the answer.
using Serve = void (*)(const Backend&, const http::Request&, const http::Exchange&);

// Likewise, where the body comes in pieces.
using ServeStreaming = void (*)(const Backend&, const http::Request&, const http::BodyStream&,
                                const http::Exchange&);

struct ServiceRoute {
  http::Method method;
  std::string_view pattern;
  std::variant<Serve, ServeStreaming> serve;
  openapi::Operation operation;
};

// The routes, to be served by this backend. Without a command side, those of commands answer that
// this process takes none, and their handlers are not called.
std::vector<Route> on_backend(const Backend& backend, std::span<const ServiceRoute> routes);

// The body of a command; Problem 415, 411 or 400 when it is not JSON.
Body json_body(const http::Request& request);

inline constexpr std::string_view rows_description =
    "Takes one row a line, each the body of a single such request, up to 64 MiB of them and 64 KiB "
    "each, and answers with one result a row, in order, while it goes on: `201` with the new id, "
    "or a problem, which does not stop the rest. Blank lines are skipped. With an Idempotency-Key "
    "each row has a key of its own, made of it and the row's line number: sent again, rows that "
    "were taken give their first answer, `replayed`; and a row whose outcome is unknown for a "
    "while is asked for again until it is decided.\n\n"
    "Read the results while you send: no more rows are taken while 256 KiB of results are unread. "
    "An import is given up, with a last row that says why and at which line, when nothing is read "
    "for 5 seconds while there is more to send (`results-unread`), when rows that cannot be read "
    "as what is imported outnumber the others by 100 (`too-many-malformed-rows`), and after 15 "
    "minutes (`import-too-slow`). A body that comes with less than 16 KiB a second, and an answer "
    "that is not read any more, are cut off: without the last chunk some results are missing. Four "
    "imports of accounts and four of products run at a time, more get `overloaded`.";

// Carries out one command for each row of the body; Problem 415 when it is not NDJSON.
void import_rows(const Backend& backend, const http::Request& request, const http::BodyStream& body,
                 const http::Exchange& exchange, Command (*to_command)(Body row));

// The path's {id}; Problem 404 when it is no id, since then there is nothing of that id.
template <class SomeId>
SomeId path_id(const http::Request& request, const http::ProblemType& not_found_type) {
  const auto id = parse_id<SomeId>(request.param("id"));
  if (!id) throw Problem{not_found(not_found_type, request.param("id"))};
  return *id;
}

// A query parameter that is an id, if it is there.
template <class SomeId>
std::optional<SomeId> query_id(const http::Request& request, std::string_view name) {
  const auto text = request.query_value(name);
  if (!text) return std::nullopt;
  const auto id = parse_id<SomeId>(*text);
  if (!id) invalid(name, "is not an id: a UUID is expected");
  return id;
}

// What the client of a stream has seen last, if it says so.
std::optional<EventId> last_event_id(const http::Request& request);

// The query's `name`, as names are written.
std::string query_name(const http::Request& request);
// Likewise, but only its beginning, which may be empty.
std::string query_beginning(const http::Request& request);

inline constexpr std::string_view beginning_description =
    "In the order of the names. Made to be asked while somebody types: ASCII letters match in "
    "either "
    "case, and the last syllable of a Korean name need not be finished: ㅎ finds all from 하 to "
    "힣, "
    "호 all from 호 to 홓, 홍 those with 홍 only.";

// --- Commands ------------------------------------------------------------------------------------

// How the answer to a command shows what the command was about.
struct Document {
  Json json;
  std::string id;
  std::string tag;
};
struct Resource {
  std::string_view path;  // "/accounts/", its id follows
  Document (*of)(const EntityView&);
  http::ProblemType not_found;
  bool tag_names_stock = false;  // behind the version
};

extern const Resource account_resource;
extern const Resource product_resource;
extern const Resource past_product_resource;  // without the stock, which its events do not tell
extern const Resource purchase_resource;
extern const Resource delivery_resource;

// Hands the command to the writer, and answers with what becomes of it: 201 when it `creates`, 200
// otherwise, or the refusal's problem.
void execute(const Backend& backend, const http::Request& request, const http::Exchange& exchange,
             Command command, const Resource& resource, bool creates = false);

// Asks the writer for an offer, and answers with it as a signed quote.
void ask_for_quote(const Backend& backend, const http::Exchange& exchange, RequestQuote command);

// --- Queries -------------------------------------------------------------------------------------

// minPosition and waitMs.
ReadAt read_at(const http::Request& request);

// asOf and waitMs: the position to look back to, which is the one to wait for. Nothing when the
// request is about now.
std::optional<ReadAt> as_of(const http::Request& request);

// limit, from 1 to 100.
std::size_t page_limit(const http::Request& request);

template <class SomeId>
From<SomeId> page_from(const http::Request& request) {
  return {.limit = page_limit(request), .after = query_id<SomeId>(request, "after")};
}

http::Response ok(const Json& json, Position position);
http::Response ok(const Json& json, Position position, std::string_view tag);

// 304 in its place, when the client has it already: If-None-Match names its ETag.
http::Response unless_known(http::Response response, const http::Headers& request);

http::Response not_found_at(const http::ProblemType& type, std::string_view which,
                            Position position);

// What `respond` makes of a value and its position; or 503.
template <class T, class Respond>
http::Response response_of(const QueryResult<T>& result, ReadAt at, const Respond& respond) {
  if (auto none = no_answer(result, at.min_position)) return std::move(*none);
  const auto& answer = std::get<Answer<T>>(result);
  return respond(answer.value, answer.position);
}

// Asks, and answers with what `respond` makes of it.
template <class T, class Respond>
void answer_query(const Backend& backend, ReadAt at, const http::Exchange& exchange, Query<T> query,
                  Respond respond) {
  backend.read_models.query<T>(
      std::move(query), at, [exchange, at, respond](QueryResult<T> result) {
        exchange.respond_with(
            [result = std::move(result), at, respond] { return response_of(result, at, respond); });
      });
}

// A single row, or 404 naming what was looked for.
template <class Row>
void answer_one(const Backend& backend, const http::Request& request,
                const http::Exchange& exchange, Query<std::optional<Row>> query,
                const http::ProblemType& not_found_type, std::string which) {
  answer_query(backend, read_at(request), exchange, std::move(query),
               [not_found_type, which = std::move(which), headers = request.headers](
                   const std::optional<Row>& row, Position position) {
                 if (!row) return not_found_at(not_found_type, which, position);
                 return unless_known(ok(to_json(*row), position, tag_of(*row)), headers);
               });
}

// A page is put into JSON where it was read: that takes a while, and a service's HTTP worker has
// other clients.
template <class Row, class Respond>
void answer_list(const Backend& backend, ReadAt at, const http::Exchange& exchange,
                 Query<Page<Row>> query, Respond respond) {
  backend.read_models.query<Page<Row>>(
      std::move(query), at, [exchange, at, respond](QueryResult<Page<Row>> result) {
        exchange.respond_from_here([&] { return response_of(result, at, respond); });
      });
}

template <class Row>
void answer_page(const Backend& backend, ReadAt at, const http::Exchange& exchange,
                 Query<Page<Row>> query) {
  answer_list(
      backend, at, exchange, std::move(query),
      [](const Page<Row>& page, Position position) { return ok(page_json(page), position); });
}

// What `list` answers for the buyer in the query, who is named by id or by name, or for none.
using ListOfBuyer = std::function<void(std::optional<AccountId>)>;
void with_buyer(const Backend& backend, const http::Request& request,
                const http::Exchange& exchange, ListOfBuyer list);

// The entity as it was right after a position, with that position.
void answer_as_of(const Backend& backend, const http::Request& request, ReadAt then,
                  const http::Exchange& exchange, const Entity& entity, const Resource& resource);

// The events of an entity, oldest first.
void answer_history(const Backend& backend, const http::Request& request,
                    const http::Exchange& exchange, const Entity& entity,
                    const http::ProblemType& not_found_type);

// --- The services --------------------------------------------------------------------------------

Service account_service(const Backend& backend);
Service product_service(const Backend& backend);
Service purchase_service(const Backend& backend);
Service delivery_service(const Backend& backend);

}  // namespace jangbu
