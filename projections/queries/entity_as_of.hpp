// An entity as its events made it, up to one of them: what a repeated command's answer and a look
// back (`?asOf=`) show.
//
// Threads: find_entity_as_of() from any thread; what it is done with runs as the callbacks of
// ReadModels do, and must neither block nor throw. Ownership: the read models outlive the call.
// Errors: answers. Events that cannot follow each other, which only a table that was edited by hand
// can hold, are Unavailable, and logged.
#pragma once

#include <functional>
#include <optional>

#include "events/events.hpp"
#include "projections/queries/read_models.hpp"
#include "projections/views/shop.hpp"

namespace jangbu {

// The entity as this event shows it. Nothing for the events of a delivery, which do not tell all of
// it, and for NothingChanged, which names the one that does.
std::optional<EntityView> view_of(const Event& event, EventId id);

// Nothing when there was no such entity yet.
using PastEntity = QueryResult<std::optional<EntityView>>;

// The entity as its events up to `until`, and with it, left it. A product's stock is as of the last
// of them: the purchases since then are not among its events. Once it is not wanted any more, which
// any thread may ask, no further events are read, and it is done with Unavailable.
void find_entity_as_of(ReadModels& read_models, const Entity& entity, EventId until, ReadAt at,
                       std::function<bool()> is_wanted, std::function<void(PastEntity)> done);

}  // namespace jangbu
