// Whose things are, and so what somebody may do with them. Which role is needed for an operation at
// all is decided where the request comes in (api/access); what is somebody's own only the writer
// knows, at the position where it decides.
//
// - Clerks, and everybody while access control is off, are bound by nothing here.
// - A buyer has what the account that it opened for itself has: its purchases and their deliveries.
//   Any other account, whether there is one or not, is forbidden alike; another's purchase is not
//   there.
// - A seller has the products that it listed, and may record the first scan of a delivery that has
//   one of them.
// - A carrier has the deliveries whose first scan named it; others are not there.
// - What has no owner is the clerks'.
//
// Threads: pure functions of their arguments.
#pragma once

#include <optional>
#include <string>

#include "commands/command.hpp"
#include "commands/principal.hpp"
#include "commands/refusals.hpp"

namespace jangbu {

// Why the command is not this principal's to give; nothing if it is, or if what it is about is not
// in memory: whoever answers it from the read models looks there whose it was.
std::optional<Refusal> not_theirs(const Shop& shop, const Command& command, const Principal& asker);

// How events name who asked: `account/<id>` while it has an open account, else its name.
std::string actor(const Shop& shop, const Principal& asker);

}  // namespace jangbu
