#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "tests/tidy/checks.hpp"

namespace jangbu::tidy {

namespace {

namespace fs = std::filesystem;

const fs::path root = JANGBU_ROOT;

std::vector<Source> sources() {
  std::vector<Source> all;
  for (const char* room : {"api", "commands", "events", "infra", "projections", "tests"})
    for (const auto& entry : fs::recursive_directory_iterator(root / room)) {
      const auto extension = entry.path().extension();
      if (extension != ".hpp" && extension != ".cpp") continue;
      std::ifstream file(entry.path(), std::ios::binary);
      all.push_back({fs::relative(entry.path(), root).generic_string(),
                     {std::istreambuf_iterator<char>(file), {}}});
    }
  return all;
}

std::set<std::string> golden_files() {
  std::set<std::string> files;
  for (const auto& entry : fs::directory_iterator(root / "tests/golden"))
    files.insert(entry.path().filename().string());
  return files;
}

std::string text_of(const std::vector<Complaint>& complaints) {
  std::string text;
  for (const Complaint& complaint : complaints)
    text += '\n' + complaint.path + ':' + std::to_string(complaint.line) + ": " + complaint.what;
  return text;
}

template <class Check>
void run_over_sources(Check check) {
  std::vector<Complaint> complaints;
  for (const Source& source : sources()) {
    auto more = check(source);
    std::move(more.begin(), more.end(), std::back_inserter(complaints));
  }
  INFO(text_of(complaints));
  CHECK(complaints.empty());
}

std::string include(const std::string& path) {
  return "#include \"" + path + "\"\n";
}

}  // namespace

// --- The sources ---------------------------------------------------------------------------------

TEST_CASE("the sources are found") {
  const auto all = sources();
  for (const char* path : {"events/events.hpp", "projections/views/shop.cpp", "commands/writer.hpp",
                           "tests/tidy/checks.cpp"})
    CHECK(std::any_of(all.begin(), all.end(), [&](auto& source) { return source.path == path; }));
}

TEST_CASE("includes follow the arrows") {
  std::set<std::string> file_names;
  for (const Source& source : sources()) file_names.insert(fs::path(source.path).filename());
  run_over_sources([&](const Source& source) { return check_includes(source, file_names); });
}

TEST_CASE("the domain is pure") {
  run_over_sources(check_purity);
}

TEST_CASE("nothing random can be foretold") {
  run_over_sources(check_randomness);
}

TEST_CASE("headers are included once") {
  run_over_sources(check_header);
}

TEST_CASE("tests do not sleep") {
  run_over_sources(check_sleep);
}

TEST_CASE("what is stored has its golden file") {
  const auto files = golden_files();
  CHECK(files.contains("AccountOpened.v1.bin"));
  run_over_sources([&](const Source& source) { return check_golden(source, files); });
}

// --- The checks ----------------------------------------------------------------------------------

TEST_CASE("an include against the arrows is found") {
  const auto [from, to] = GENERATE(table<std::string, std::string>(
      {{"events/a.hpp", "projections/views/shop.hpp"},
       {"events/a.hpp", "commands/command.hpp"},
       {"events/a.hpp", "infra/ids.hpp"},
       {"events/a.hpp", "api/http/server.hpp"},
       {"projections/views/a.cpp", "commands/command.hpp"},
       {"projections/views/a.cpp", "projections/tables/b.hpp"},
       {"projections/views/a.cpp", "infra/ids.hpp"},
       {"commands/a.cpp", "api/answers/problems.hpp"},
       {"commands/a.cpp", "projections/tables/b.hpp"},
       {"infra/eventlog/a.cpp", "projections/views/shop.hpp"},
       {"infra/eventlog/a.cpp", "commands/writer.hpp"},
       {"infra/eventlog/a.cpp", "api/http/server.hpp"},
       {"projections/tables/a.cpp", "projections/views/shop.hpp"},
       {"projections/tables/a.cpp", "commands/command.hpp"},
       {"projections/tables/a.cpp", "projections/writing/tracks.hpp"},
       {"api/http/a.cpp", "api/answers/problems.hpp"},
       {"api/streams/a.cpp", "api/services/service.hpp"},
       {"projections/writing/projector.cpp", "api/http/server.hpp"},
       {"api/main.cpp", "tests/support/process.hpp"},
       {"commands/a.cpp", "command.hpp"},
       {"commands/a.cpp", "../events/events.hpp"}}));
  CAPTURE(from, to);
  const auto complaints = check_includes({from, "// Text.\n" + include(to)}, {"command.hpp"});
  REQUIRE(complaints.size() == 1);
  CHECK(complaints[0].path == from);
  CHECK(complaints[0].line == 2);
}

TEST_CASE("an include along the arrows is fine") {
  const auto [from, to] = GENERATE(table<std::string, std::string>(
      {{"events/a.hpp", "events/values.hpp"},
       {"projections/views/a.cpp", "events/events.hpp"},
       {"commands/a.cpp", "events/events.hpp"},
       {"commands/a.cpp", "projections/views/shop.hpp"},
       {"infra/eventlog/a.cpp", "events/event_log.hpp"},
       {"projections/tables/a.cpp", "infra/postgres/connection.hpp"},
       {"projections/writing/projector.cpp", "projections/tables/b.hpp"},
       {"api/services/a.cpp", "commands/writer.hpp"},
       {"api/serve/a.cpp", "projections/writing/projector.hpp"},
       {"tests/unit/a.cpp", "api/cli/tool.hpp"},
       {"tests/unit/a.cpp", "tests/support/given.hpp"}}));
  CAPTURE(from, to);
  CHECK(check_includes({from, include(to)}, {}).empty());
  CHECK(check_includes({from, "#include <vector>\n"}, {}).empty());
}

TEST_CASE("a header that the build generates may be included by its name") {
  CHECK(check_includes({"projections/tables/a.cpp", include("tables_sql.hpp")}, {"a.hpp"}).empty());
}

TEST_CASE("an include in a comment is none") {
  CHECK(check_includes({"events/a.hpp", "// " + include("api/cli/tool.hpp")}, {}).empty());
  CHECK(check_includes({"events/a.hpp", "/* " + include("api/cli/tool.hpp") + "*/"}, {}).empty());
}

TEST_CASE("a source outside the rooms is found") {
  CHECK(check_includes({"elsewhere/a.cpp", ""}, {}).size() == 1);
}

TEST_CASE("a clock, randomness or I/O in the domain is found") {
  const std::string line =
      GENERATE(as<std::string>{}, "auto now = std::chrono::system_clock::now();", "Clock::now ();",
               "sources.now()", "std::random_device device;", "std::mt19937_64 random;",
               "int n = rand();", "#include \"infra/ids.hpp\"", "#include <random>",
               "#include <fstream>", "#  include <iostream>", "#include <sys/socket.h>",
               "#include <thread>", "std::ifstream file(path);", "std::cout << 1;",
               "time(nullptr);", "getenv(name)", "int s = socket(1, 2, 3);");
  CAPTURE(line);
  for (const std::string path :
       {"events/a.cpp", "projections/views/a.hpp", "commands/a.cpp", "commands/writers.cpp"}) {
    const auto complaints = check_purity({path, "\n\n" + line + "\n"});
    REQUIRE_FALSE(complaints.empty());
    CHECK(complaints[0].line == 3);
  }
  for (const std::string path :
       {"infra/ids.cpp", "api/main.cpp", "projections/writing/projector.cpp", "commands/writer.cpp",
        "commands/writer.hpp", "tests/unit/a.cpp"})
    CHECK(check_purity({path, line}).empty());
}

TEST_CASE("what only looks like a clock is fine") {
  const std::string line = GENERATE(
      as<std::string>{}, "// system_clock::now()", "/* rand() */", "\"now()\"", "\"\\\"rand()\"",
      "Offer& now = offered;", "Timestamp time;", "#include <chrono>", "lifetime(x)",
      "to_string(time)", "const int n = 1'000; // rand()", "'\"'; \"rand()\"");
  CAPTURE(line);
  CHECK(check_purity({"events/a.cpp", line}).empty());
}

TEST_CASE("code between two literals is seen") {
  CHECK(check_purity({"events/a.cpp", "R\"x(\" )\" )x\"; rand(); R\"(rand())\";"}).size() == 1);
  CHECK(check_purity({"events/a.cpp", "'\"'; rand(); '\"';"}).size() == 1);
  CHECK(check_purity({"events/a.cpp", "\"a\"; rand(); \"b\";"}).size() == 1);
  CHECK(check_purity({"events/a.cpp", "int n = 1'000; rand(); n = 2'000;"}).size() == 1);
}

TEST_CASE("randomness that can be foretold is found") {
  const std::string line =
      GENERATE(as<std::string>{}, "thread_local std::mt19937_64 random;", "std::random_device one;",
               "std::default_random_engine engine;", "int n = rand();", "drand48 ();");
  CAPTURE(line);
  for (const std::string path :
       {"infra/ids.cpp", "api/load/run.cpp", "projections/writing/projector.cpp"})
    CHECK(check_randomness({path, line}).size() == 1);
  CHECK(check_randomness({"tests/unit/a.cpp", line}).empty());
  CHECK(check_randomness({"infra/ids.cpp", "fill_random(bytes);  // no mt19937"}).empty());
}

TEST_CASE("a header without its pragma is found") {
  CHECK(check_header({"events/a.hpp", "// Text.\n#pragma once\n"}).empty());
  CHECK(check_header({"events/a.hpp", "#pragma once\n"}).empty());
  CHECK(check_header({"events/a.hpp", "int a;\n"}).size() == 1);
  CHECK(check_header({"events/a.hpp", "// #pragma once\n"}).size() == 1);
  CHECK(check_header({"events/a.hpp", "/*\n#pragma once\n*/\n"}).size() == 1);
  CHECK(check_header({"events/a.cpp", "int a;\n"}).empty());
}

TEST_CASE("a sleep in a test is found") {
  const std::string line =
      GENERATE(as<std::string>{}, "std::this_thread::sleep_for(1s);", "sleep_until (then);",
               "usleep(1);", "::sleep(1);", "nanosleep(&a, &b);");
  CAPTURE(line);
  CHECK(check_sleep({"tests/unit/a.cpp", line}).size() == 1);
  CHECK(check_sleep({"infra/a.cpp", line}).empty());
  CHECK(check_sleep({"tests/unit/a.cpp", "run(\"SELECT pg_sleep(60)\");"}).empty());
}

TEST_CASE("a wire type without a golden file is found") {
  const Source source{"events/a.hpp",
                      "struct A {\n  static constexpr WireType wire{\"Sold\", 2};\n};\n"};
  CHECK(check_golden(source, {"Sold.v2.bin"}).empty());
  const auto complaints = check_golden(source, {"Sold.v1.bin", "Sold.v2.txt", "Bought.v2.bin"});
  REQUIRE(complaints.size() == 1);
  CHECK(complaints[0].line == 2);
}

}  // namespace jangbu::tidy
