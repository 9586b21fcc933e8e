// What an answer to a command, or the lack of one, says of the command. Every client of ours keeps
// to it: once a try was uncertain, only a decision settles the command, and it is asked for again
// under the same key.
//
// Threads: pure functions.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace jangbu {

enum class Says {
  decided,      // done, or refused by a rule
  turned_away,  // nothing was done by this try, which says nothing of those before it
  uncertain,    // it may have been done
};

// `status` 0: no answer came, and the request went out. `code` is the problem's, if there is one.
Says says(long status, std::string_view code);

// The `code` of a problem's JSON; empty when the body is no problem.
std::string code_of(std::string_view body);

// Whether the same request may be answered otherwise in a while.
bool is_for_now(long status);

// Of the field's value: 0 when it is not a number of seconds, and no more than a minute.
std::chrono::seconds retry_after_of(std::string_view value);

}  // namespace jangbu
