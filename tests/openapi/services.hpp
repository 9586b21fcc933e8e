// All five services, to be looked at: nothing behind them works.
#pragma once

#include <functional>

#include "api/services/service.hpp"

namespace jangbu::test {

// Calls `look` with each.
void for_each_service(const std::function<void(const Service&)>& look);

}  // namespace jangbu::test
