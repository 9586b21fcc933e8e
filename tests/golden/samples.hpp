// What is in the golden files: a commit for every version of every event, with one event that uses
// every field. A sample is never changed, nor its file: they are what older builds wrote.
#pragma once

#include <string>
#include <vector>

#include "events/commit.hpp"

namespace jangbu::test {

struct GoldenSample {
  std::string name;  // <Type>.v<version>, the file's without its ending
  Commit commit;     // what the file's bytes are decoded to, by today's build
  bool current;      // today's version: the commit is encoded to exactly the file's bytes
};

std::vector<GoldenSample> golden_samples();

}  // namespace jangbu::test
