// What the build makes of jangbu, as readelf (Debian: binutils) sees it, and how it compiles.
#include <sys/wait.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "tests/support/process.hpp"

namespace jangbu::test {
namespace {

using Catch::Matchers::ContainsSubstring;

#ifdef JANGBU_HARDENED
constexpr bool hardened = true;
#else
constexpr bool hardened = false;
#endif

std::string readelf(const std::string& what) {
  const TemporaryFolder folder;
  Process readelf({.command = {"readelf", "--wide", what, JANGBU_PROGRAM},
                   .log = folder.path() / "log",
                   .environment = {"LC_ALL=C"}});
  if (readelf.wait(60s) != 0) throw std::runtime_error(readelf.log_text());
  return readelf.log_text();
}

TEST_CASE("jangbu is hardened: position-independent, read-only after relocation, checked") {
  if (!hardened) SKIP("neither a debug build nor one with a sanitizer is hardened");

  CHECK_THAT(readelf("--file-header"), ContainsSubstring("DYN (Position-Independent Executable"));
  const std::string segments = readelf("--segments");
  CHECK_THAT(segments, ContainsSubstring("GNU_RELRO"));
  CHECK_THAT(segments, ContainsSubstring("GNU_STACK") && !ContainsSubstring("RWE"));
  CHECK_THAT(readelf("--dynamic"), ContainsSubstring("BIND_NOW"));  // with RELRO: full RELRO
  const std::string symbols = readelf("--dyn-syms");
  CHECK_THAT(symbols, ContainsSubstring("__stack_chk_fail"));
  CHECK_THAT(symbols, ContainsSubstring("__glibcxx_assert_fail"));
  CHECK_THAT(symbols, ContainsSubstring("cpy_chk") || ContainsSubstring("move_chk") ||
                          ContainsSubstring("read_chk") || ContainsSubstring("printf_chk"));
}

TEST_CASE("every source of the product is compiled hardened") {
  if (!hardened) SKIP("neither a debug build nor one with a sanitizer is hardened");

  int looked_at = 0;
  for (const auto& entry : nlohmann::json::parse(std::ifstream(JANGBU_COMMANDS))) {
    const std::string command = entry.at("command").get<std::string>() + ' ';
    INFO(entry.at("file"));
    if (command.find(" -o tests/") != command.npos) continue;  // not optimised, so not fortified
    ++looked_at;
    for (const char* flag : {" -fPIE ", " -fstack-protector-strong ", " -fstack-clash-protection ",
                             " -D_FORTIFY_SOURCE=3 ", " -D_GLIBCXX_ASSERTIONS "})
      CHECK_THAT(command, ContainsSubstring(flag));
    // The last of these counts.
    CHECK(command.rfind(" -O") != command.rfind(" -O0 "));
    CHECK(command.rfind("_FORTIFY_SOURCE") == command.rfind("_FORTIFY_SOURCE=3 "));
#if defined(__x86_64__)
    CHECK_THAT(command, ContainsSubstring(" -fcf-protection "));
#elif defined(__aarch64__)
    CHECK_THAT(command, ContainsSubstring(" -mbranch-protection=standard "));
#endif
  }
  CHECK(looked_at > 0);
}

}  // namespace
}  // namespace jangbu::test
