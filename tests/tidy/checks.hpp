// Style that matters, as checks of the source text: which room includes which, that the domain is
// pure, that headers are included once, that tests do not sleep, and that what is stored has its
// golden file. tidy_test.cpp runs them over the sources, and shows of each that it can fail.
//
// Threads: pure functions of their arguments. Paths are from the root of the repository.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace jangbu::tidy {

struct Source {
  std::string path;
  std::string text;
};

struct Complaint {
  std::string path;
  std::size_t line = 0;
  std::string what;

  friend bool operator==(const Complaint&, const Complaint&) = default;
};

// Includes go one way: events <- projections/views <- commands <- api; events <- infra;
// events, infra <- projections (tables and the projector) <- api. Nothing includes tests.
// `file_names` are those of all sources, without their folders: a header of no such name is one
// that the build generates.
std::vector<Complaint> check_includes(const Source& source,
                                      const std::set<std::string>& file_names);

// Neither clock nor randomness, nor files, threads or sockets, in events, projections/views and
// commands. The writer is the exception: it is a thread, and time and ids are handed to it.
std::vector<Complaint> check_purity(const Source& source);

// What is random in the product cannot be foretold: it comes from infra/ids. Tests want to repeat
// what they did, and may have their own.
std::vector<Complaint> check_randomness(const Source& source);

// A header says `#pragma once`.
std::vector<Complaint> check_header(const Source& source);

// A test waits for a condition, never for time to pass.
std::vector<Complaint> check_sleep(const Source& source);

// Every `WireType wire{"Name", version}` of the domain has a file `Name.v<version>.bin`.
std::vector<Complaint> check_golden(const Source& source, const std::set<std::string>& files);

// The text with its comments, and unless they are kept its literals, turned to spaces; line breaks
// stay where they are.
enum class Literals { keep, blank };
std::string blank_comments(const std::string& text, Literals literals);

}  // namespace jangbu::tidy
