// The program, run to its end or in the background.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/process.hpp"

namespace jangbu::test {

struct Ended {
  int status = 0;  // exit status, or minus the signal that ended it
  std::string output;
  std::string errors;
};

// A run of `jangbu` with output in files of its own.
class Tool {
 public:
  explicit Tool(const std::vector<std::string>& arguments);

  Process& process() { return *process_; }
  std::string output() const;
  std::string errors() const;
  Ended wait(std::chrono::milliseconds deadline = 60s);
  Ended stop(int signal);

 private:
  Ended ended(int wait_status) const;

  TemporaryFolder folder_;
  std::unique_ptr<Process> process_;
};

Ended run(const std::vector<std::string>& arguments);

std::vector<std::string> lines_of(const std::string& text);

}  // namespace jangbu::test
