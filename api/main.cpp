#include "api/cli/command_line.hpp"
#include "infra/ids.hpp"
#include "projections/views/store/hash_index.hpp"

int main(int argc, char** argv) {
  using namespace jangbu;
  HashSecret hash_secret;
  fill_random(hash_secret);
  seed_hashes(hash_secret);

  return cli::run(argc, argv);
}
