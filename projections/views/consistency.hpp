// What cannot follow: holds an event against the shop before it, for tools that look through a log.
// fold() records and does not judge; this judges, by what every decision sees to (stock is never
// below zero, a delivery's events follow its purchase, sums add up), and records nothing.
//
// It does not repeat decide(): limits and rules of the day, which may change, are not looked at.
//
// Threads: pure function. Of a purchase that is closed the shop knows nothing any more.
#pragma once

#include <string>

#include "events/commit.hpp"
#include "projections/views/shop.hpp"

namespace jangbu {

// Why the event cannot have happened in this shop; empty when it can. REQUIRES of fold() are met
// by what can.
std::string contradiction(const Shop& shop, const Event& event);

}  // namespace jangbu
