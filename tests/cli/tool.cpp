#include "tests/cli/tool.hpp"

#include <sys/wait.h>

#include <fstream>
#include <sstream>

#include "tests/cli/logs.hpp"
#include "tests/support/shop.hpp"

namespace jangbu::test {

Tool::Tool(const std::vector<std::string>& arguments)
    : process_(run_jangbu(arguments, folder_.path() / "output", {}, folder_.path() / "errors")) {}

std::string Tool::output() const {
  return read_text(folder_.path() / "output");
}

std::string Tool::errors() const {
  return read_text(folder_.path() / "errors");
}

Ended Tool::wait(std::chrono::milliseconds deadline) {
  return ended(process_->wait(deadline));
}

Ended Tool::stop(int signal) {
  return ended(process_->stop(signal));
}

Ended Tool::ended(int wait_status) const {
  return {WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : -WTERMSIG(wait_status), output(),
          errors()};
}

Ended run(const std::vector<std::string>& arguments) {
  return Tool(arguments).wait();
}

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

}  // namespace jangbu::test
