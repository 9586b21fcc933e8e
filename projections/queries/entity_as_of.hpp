// An entity as its events made it, up to one of them: what the answer to a repeated command and a
// look back (`?asOf=`) show.
//
// Threads: find_entity_as_of() from any thread; `done` runs as the callbacks of ReadModels do, and
// must neither block nor throw. Ownership: the read models outlive the call.
// Errors: are answers. Events that cannot follow each other, which only a table edited by hand can
// hold, give Unavailable and are logged.
#pragma once

#include <functional>
#include <optional>

#include "events/events.hpp"
#include "projections/queries/read_models.hpp"
#include "projections/views/shop.hpp"

namespace jangbu {

// The entity as this event shows it. Nothing for the events of a delivery, which carry only part of
// it, and for NothingChanged, which refers to an earlier event.
std::optional<EntityView> view_of(const Event& event, EventId id);

// Nothing if the entity did not exist yet.
using PastEntity = QueryResult<std::optional<EntityView>>;

// The entity as its events up to and including `until` left it. A product's stock is as of the last
// of these events; purchases since then are not among them. Any thread may call `is_wanted`; once
// it returns false, no further events are read, and `done` gets Unavailable.
void find_entity_as_of(ReadModels& read_models, const Entity& entity, EventId until, ReadAt at,
                       std::function<bool()> is_wanted, std::function<void(PastEntity)> done);

}  // namespace jangbu
