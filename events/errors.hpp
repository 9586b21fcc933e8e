// The two ways in which code here may fail other than by a value (refusals and conflicts are
// values): something we depend on is away, or we have a bug.
#pragma once

#include <stdexcept>
#include <string>

namespace jangbu {

// A dependency (the log, the database) cannot be reached or does not answer in time. Caught where a
// request enters (503) and in the loops that follow the log (they back off and try again). The text
// is for logs, never for clients.
class Unavailable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// What was written down is not what it must be: damaged or unknown bytes in the log, a stream that
// someone else created, a folder of another version. Trying again does not help; the text says what
// does.
class Corrupt : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

[[noreturn]] void invariant_failed(const char* what, const char* file, int line);

// Aborts, in release builds too, when `holds` is false: going on would write down something wrong.
// (The builtins are std::source_location's, which clang 14 does not have.)
inline void invariant(bool holds, const char* what, const char* file = __builtin_FILE(),
                      int line = __builtin_LINE()) {
  if (!holds) invariant_failed(what, file, line);
}

}  // namespace jangbu
