// Which roles may use which operation: the one table. An operation that is not in it cannot be
// served, so a new route cannot be forgotten here.
//
// What somebody may do with whose things is decided further in: by the writer for commands
// (commands/ownership.hpp), by Sight for queries (api/services/sight.hpp).
//
// Threads: constants.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "commands/principal.hpp"

namespace jangbu::access {

struct Permission {
  bool everybody = false;  // no credential is needed, and none is looked at
  Roles roles = {};        // one of these otherwise

  bool given_to(const Principal& asker) const {
    return everybody || asker.may_all || !(roles & asker.roles).empty();
  }
};

// By the operation's id in the OpenAPI documents. Throws std::logic_error for one that is missing.
Permission permission_for(std::string_view operation);

std::vector<std::string_view> words_of(Roles roles);
// "buyer, clerk or auditor"
std::string in_words(Roles roles);

}  // namespace jangbu::access
