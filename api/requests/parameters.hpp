// What a request says besides its command: the id in the path, the query, conditional fields, and
// the media type of its body.
//
// Threads: pure functions. Errors: they throw Problem.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/answers/problems.hpp"
#include "api/http/message.hpp"
#include "api/requests/body.hpp"
#include "events/values.hpp"
#include "projections/queries/read_models.hpp"
#include "projections/tables/read_model.hpp"

namespace jangbu {

// How long an answer that needs the read model waits for it, unless the request says otherwise.
inline constexpr std::chrono::milliseconds default_wait{2'000};
inline constexpr std::int64_t max_wait_ms = 10'000;
inline constexpr std::int64_t max_page = 100;

// The media type that the body of a PATCH may have besides JSON (RFC 7396).
inline constexpr std::string_view merge_patch = "application/merge-patch+json";

// The path's {id}; Problem 404 if it is not a valid id, since then nothing can have it.
template <class SomeId>
SomeId path_id(const http::Request& request, const http::ProblemType& not_found_type) {
  const auto id = parse_id<SomeId>(request.param("id"));
  if (!id) throw not_found(not_found_type, request.param("id"));
  return *id;
}

// A query parameter that is an id; nullopt if it is absent.
template <class SomeId>
std::optional<SomeId> query_id(const http::Request& request, std::string_view name) {
  const auto text = request.query_value(name);
  if (!text) return std::nullopt;
  const auto id = parse_id<SomeId>(*text);
  if (!id) invalid(name, "must be a UUID");
  return id;
}

// The last event that a stream's client has seen, if it says so.
std::optional<EventId> last_event_id(const http::Request& request);

// The query's `name`, in the form in which names are kept.
std::string query_name(const http::Request& request);
// Likewise, but only the beginning of a name, which may be empty.
std::string query_beginning(const http::Request& request);

// minPosition and waitMs.
ReadAt read_at(const http::Request& request);

// asOf and waitMs: the position to look back to, which is also the one to wait for. nullopt if the
// request is about the present.
std::optional<ReadAt> as_of(const http::Request& request);

// limit, from 1 to 100.
std::size_t page_limit(const http::Request& request);

template <class SomeId>
From<SomeId> page_from(const http::Request& request) {
  return {.limit = page_limit(request), .after = query_id<SomeId>(request, "after")};
}

// The versions that If-Match names, one of which the resource must have; nullopt if any will do.
// `tag_names_stock`: tags have the stock after the version, as the ETag of a product does.
std::optional<std::vector<EventId>> if_match(const http::Request& request, bool tag_names_stock);

// The body of a command; Problem 415, 411 or 400 when it is not JSON.
Body json_body(const http::Request& request);

// Problem 415 or 411 when the body is not NDJSON.
void require_ndjson(const http::Request& request);

}  // namespace jangbu
