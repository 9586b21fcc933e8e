// A folder whose power can be cut: what was not synced is forgotten (power_fs.cpp has the model).
//
// Not thread-safe. REQUIRES can_mount(). Errors: std::runtime_error when it does not come up.
#pragma once

#include <filesystem>
#include <memory>

#include "tests/support/process.hpp"

namespace jangbu::test {

class PowerVolume {
 public:
  // Of what was not synced: nothing is kept, or a random beginning.
  enum class Keep { nothing, some };

  explicit PowerVolume(unsigned seed);
  ~PowerVolume();
  PowerVolume(const PowerVolume&) = delete;
  PowerVolume& operator=(const PowerVolume&) = delete;

  std::filesystem::path path() const { return folder_.path() / "volume"; }

  // From here on everything on it fails, until start().
  void cut(Keep keep);
  void start();

 private:
  TemporaryFolder folder_;
  unsigned seed_;
  std::unique_ptr<Process> process_;
};

}  // namespace jangbu::test
