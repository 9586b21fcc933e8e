// Finds events that cannot follow: checks an event against the shop before it, for tools that
// inspect a log. fold() records and does not judge; this judges, by what every decision ensures
// (stock is never below zero, a delivery's events follow its purchase, sums add up), and records
// nothing.
//
// It does not repeat decide(): limits and rules of the day, which may change, are not checked.
//
// Threads: pure function. The shop no longer knows anything about closed purchases.
#pragma once

#include <string>

#include "events/commit.hpp"
#include "projections/views/shop.hpp"

namespace jangbu {

// Why the event cannot have happened in this shop; empty if it can. An event that can meets the
// REQUIRES of fold().
std::string contradiction(const Shop& shop, const Event& event);

}  // namespace jangbu
