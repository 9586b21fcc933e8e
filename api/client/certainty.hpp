// What the answer to a command, or its absence, says about the command. All our clients follow the
// same rule: once an attempt was uncertain, only a decision settles the command, and it is retried
// under the same key.
//
// Threads: pure functions.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace jangbu {

enum class Says {
  decided,      // executed, or refused by a rule
  turned_away,  // this attempt did nothing; earlier attempts may have
  uncertain,    // may have been executed
};

// `status` 0: the request went out, and no answer came. `code`: the problem's code, if there is
// one.
Says says(long status, std::string_view code);

// The `code` of a problem document; empty when the body is not one.
std::string code_of(std::string_view body);

// Whether the same request may get a different answer later.
bool is_for_now(long status);

// The value of a Retry-After field: 0 when it is not a number of seconds, and at most one minute.
std::chrono::seconds retry_after_of(std::string_view value);

}  // namespace jangbu
