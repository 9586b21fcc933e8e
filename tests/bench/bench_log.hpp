// The log that is read: the history of a busy shop, appended to a real log as a writer would.
//
// Threads: one at a time. Errors: std::runtime_error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "events/event_log.hpp"
#include "events/values.hpp"

namespace jangbu::bench {

struct LogContent {
  std::uint64_t commits = 0;
  std::uint64_t events = 0;
  std::uint64_t bytes = 0;  // of the commits, without their headers
  // Some of what there is to ask for.
  std::vector<std::string> accounts, account_names, product_names, purchases;
};

// 1,000 accounts and 10,000 products, then trade up to so many events, in commits of 20 to 200.
// REQUIRES: an empty log.
LogContent fill(EventLog& log, std::size_t events);

}  // namespace jangbu::bench
