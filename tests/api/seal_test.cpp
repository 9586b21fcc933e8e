// Seals of messages between instances.

#include "api/cluster/seal.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#include "tests/support/process.hpp"

namespace jangbu::test {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

const std::string secret(cluster::min_secret, 's');

TEST_CASE("a sealed message opens with the secret and in the context it was sealed with") {
  const std::string sealed = cluster::seal(secret, "answer 7", "bytes");
  CHECK(cluster::open(secret, "answer 7", sealed) == "bytes");
  CHECK(cluster::open(secret, "answer 8", sealed) == std::nullopt);
  CHECK(cluster::open(std::string(cluster::min_secret, 't'), "answer 7", sealed) == std::nullopt);
  CHECK(cluster::open(secret, "x", cluster::seal(secret, "x", "")) == "");
}

TEST_CASE("a sealed message of which any bit was changed, or a part is missing, does not open") {
  const std::string sealed = cluster::seal(secret, "context", "bytes");
  for (std::size_t at = 0; at < sealed.size(); ++at) {
    std::string changed = sealed;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    CHECK(cluster::open(secret, "context", changed) == std::nullopt);
    CHECK(cluster::open(secret, "context", sealed.substr(0, at)) == std::nullopt);
  }
}

TEST_CASE("a seal knows where its context ends") {
  const std::string sealed = cluster::seal(secret, "term 1", "2 bytes");
  const std::string mac = sealed.substr(0, sealed.size() - std::string("2 bytes").size());
  CHECK(cluster::open(secret, "term 1", mac + "2 bytes") == "2 bytes");
  CHECK(cluster::open(secret, "term 12", mac + " bytes") == std::nullopt);
}

TEST_CASE("a cluster secret is long enough, and in a file that others cannot read") {
  const TemporaryFolder folder;
  const auto file = folder.path() / "secret";
  const auto write = [&](const std::string& text) {
    std::ofstream(file) << text;
    std::filesystem::permissions(
        file, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  };
  write(secret + "\n");
  CHECK(cluster::load_secret(file) == secret);
  write(secret.substr(1) + "\n\n");
  CHECK_THROWS_MATCHES(cluster::load_secret(file), std::runtime_error,
                       MessageMatches(ContainsSubstring("at least 32 characters")));
  write(secret);
  std::filesystem::permissions(file, std::filesystem::perms::group_read,
                               std::filesystem::perm_options::add);
  CHECK_THROWS_MATCHES(cluster::load_secret(file), std::runtime_error,
                       MessageMatches(ContainsSubstring("chmod 600")));
}

TEST_CASE("instances that sign quotes with one secret have a cluster secret in common") {
  CHECK(cluster::secret_from_quotes("a quote secret") ==
        cluster::secret_from_quotes("a quote secret"));
  CHECK(cluster::secret_from_quotes("a quote secret") != cluster::secret_from_quotes("another"));
  CHECK(cluster::secret_from_quotes("a quote secret").size() >= cluster::min_secret);
}

}  // namespace
}  // namespace jangbu::test
