// Writes the golden files that are not there yet: those of a new event, or a new version of one.
// A file that is there is never touched.
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>

#include "tests/golden/samples.hpp"
#include "tests/support/describe.hpp"

namespace {

namespace fs = std::filesystem;

void write(const fs::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
  std::cout << "wrote " << path.string() << '\n';
}

}  // namespace

int main(int count, char** arguments) try {
  if (count != 2) {
    std::cerr << "usage: " << arguments[0] << " FOLDER\n";
    return 2;
  }
  for (const auto& sample : jangbu::test::golden_samples()) {
    const fs::path path = fs::path(arguments[1]) / sample.name;
    if (!sample.current || fs::exists(path.string() + ".bin")) continue;
    write(path.string() + ".bin", jangbu::encode_commit(sample.commit));
    write(path.string() + ".txt", jangbu::test::annotate(sample.commit));
  }
  return 0;
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
