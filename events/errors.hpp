// The two ways in which code here fails other than by returning a value (refusals and conflicts are
// values): a dependency is unavailable, or there is a bug.
#pragma once

#include <stdexcept>
#include <string>

namespace jangbu {

// A dependency (the log, the database) cannot be reached or does not answer in time. Caught where a
// request enters (503) and in the loops that follow the log, which back off and retry. The text is
// for logs, never for clients.
class Unavailable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Stored data is not what it must be: damaged or unknown bytes in the log, a stream that someone
// else created, a folder of another version. Retrying does not help; the text says what does.
class Corrupt : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

[[noreturn]] void invariant_failed(const char* what, const char* file, int line);

// Aborts, also in release builds, when `holds` is false: carrying on would store wrong data.
// (The builtins are those behind std::source_location, which clang 14 lacks.)
inline void invariant(bool holds, const char* what, const char* file = __builtin_FILE(),
                      int line = __builtin_LINE()) {
  if (!holds) invariant_failed(what, file, line);
}

}  // namespace jangbu
