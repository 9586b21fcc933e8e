// infra/install on a machine of stand-ins: each program that would install something is a few lines
// that note how they were called, and what this machine lacks is said by the test. Nothing is
// installed and nobody is asked.
#include <sys/wait.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/process.hpp"

namespace jangbu::test {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;

class Machine {
 public:
  Machine() {
    const fs::path from = JANGBU_ROOT;
    for (const char* folder :
         {"infra", "infra/swagger-ui", "infra/console", "tests/openapi", "tests/browser"})
      fs::create_directories(checkout() / folder);
    for (const char* file : {"infra/install", "infra/lib.sh", "infra/packages"})
      fs::copy_file(from / file, checkout() / file);
    for (const char* folder :
         {"infra/swagger-ui", "infra/console", "tests/openapi", "tests/browser"})
      for (const char* file : {"package.json", "package-lock.json", ".npmrc"})
        fs::copy_file(from / folder / file, checkout() / folder / file);

    fs::create_directory(programs());
    for (const char* name : {
             "awk",     "bash",   "cat",      "chmod",   "cmp",   "cp",   "cut",  "date",
             "dirname", "dpkg",   "dpkg-deb", "env",     "flock", "grep", "head", "id",
             "mkdir",   "mktemp", "mv",       "rm",      "rmdir", "sed",  "sh",   "sleep",
             "tail",    "tar",    "tee",      "timeout", "touch", "tr",
         })
      fs::create_symlink(where_is(name), programs() / name);
    stand_in("sudo", R"(while [[ $1 == -* ]]; do shift; done; "$@")");
    stand_in("nats-server", "echo nats-server: v2.99.0");
    stand_in("apt-cache", R"([[ " $UNKNOWN " == *" $2 "* ]] || echo "  Candidate: 3.0")");
    stand_in("dpkg-query", R"(if [[ " $MISSING " == *" ${!#} "* ]]; then exit 1; fi
if [[ $* == *Version* ]]; then echo 3.0; else echo installed; fi)");
    stand_in("apt-get", R"(case " $* " in
  *' indextargets '*) [[ ! ${NO_MIRROR:-} ]] && echo 'main stable http://debian.invalid' ;;
  *' install '*)
    if [[ ${AWAY:-} ]]; then echo 'E: Could not connect to debian.invalid:80'; exit 100; fi
    if [[ ${BROKEN:-} && $* == *" $BROKEN"* ]]; then echo 'E: held broken packages'; exit 100; fi ;;
  *' update '*) if [[ ${AWAY:-} ]]; then echo 'E: Could not connect to debian.invalid:80'; exit 100; fi ;;
  *' download '*)
    name=${!#} && name=${name%/*} && mkdir -p package/DEBIAN
    printf 'Package: %s\nVersion: 3.0\nArchitecture: all\nMaintainer: nobody\nDescription: empty\n' \
      "$name" >package/DEBIAN/control
    dpkg-deb --build package "${name}_3.0_all.deb" ;;
esac)");
    stand_in("npm", R"([[ ! ${NO_REGISTRY:-} ]])");
    stand_in("promtool", "");
  }

  void remove(const std::string& program) { fs::remove(programs() / program); }

  // Exit status of infra/install; `environment` says what is the matter with this machine.
  int install(std::vector<std::string> environment) {
    environment.push_back("PATH=" + programs().string());
    environment.push_back("CALLS=" + calls_file().string());
    environment.push_back("JANGBU_NATS_SERVER=" + (programs() / "nats-server").string());
    for (const char* unset : {"UNKNOWN=", "MISSING="})
      if (std::none_of(environment.begin(), environment.end(),
                       [&](const std::string& said) { return said.starts_with(unset); }))
        environment.emplace_back(unset);
    Process script(
        {.command = {checkout() / "infra/install"}, .log = log_file(), .environment = environment});
    const int status = script.wait(60s);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  std::string output() const { return text_of(log_file()); }

  // The calls of stand-ins that hold all of the words.
  std::vector<std::string> calls(const std::vector<std::string>& words) const {
    std::vector<std::string> found;
    std::istringstream all(text_of(calls_file()));
    for (std::string call; std::getline(all, call);)
      if (std::all_of(words.begin(), words.end(), [&](const std::string& word) {
            return (' ' + call + ' ').find(' ' + word + ' ') != std::string::npos;
          }))
        found.push_back(call);
    return found;
  }

 private:
  fs::path checkout() const { return folder_.path() / "checkout"; }
  fs::path programs() const { return folder_.path() / "bin"; }
  fs::path calls_file() const { return folder_.path() / "calls"; }
  fs::path log_file() const { return folder_.path() / "log"; }

  static fs::path where_is(const std::string& name) {
    for (const fs::path folder : {"/usr/bin", "/bin"})
      if (fs::exists(folder / name)) return folder / name;
    throw std::runtime_error("no " + name);
  }

  static std::string text_of(const fs::path& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }

  void stand_in(const std::string& name, const std::string& body) {
    const fs::path path = programs() / name;
    std::ofstream(path) << "#!/bin/bash\necho \"${0##*/} $*\" >>\"$CALLS\"\n" << body << '\n';
    fs::permissions(path, fs::perms{0755});
  }

  TemporaryFolder folder_;
};

TEST_CASE("infra/install goes on without what is only wanted") {
  Machine machine;

  SECTION("a tool is not in the package that it was in") {
    machine.remove("promtool");
    CHECK(machine.install({}) == 0);
    CHECK_THAT(machine.output(), ContainsSubstring("doing without prom"));
  }
  SECTION("the release has no package of that name") {
    CHECK(machine.install({"MISSING=wrk jq", "UNKNOWN=wrk"}) == 0);
    CHECK_THAT(machine.output(), ContainsSubstring("doing without wrk: "));
    CHECK(machine.calls({"install", "jq"}).size() == 1);
    CHECK(machine.calls({"install", "wrk"}).empty());
  }
  SECTION("a package cannot be installed") {
    CHECK(machine.install({"MISSING=wrk jq curl", "BROKEN=wrk"}) == 0);
    CHECK_THAT(machine.output(), ContainsSubstring("doing without wrk: "));
    CHECK(!machine.calls({"install", "jq"}).empty());
    // What is needed was asked for apart from it.
    CHECK(machine.calls({"install", "curl"}).size() == 1);
    CHECK(machine.calls({"install", "curl", "wrk"}).empty());
  }
  SECTION("apt is set up with no mirror of Debian") {
    machine.remove("promtool");
    CHECK(machine.install({"NO_MIRROR=1"}) == 0);
  }
  SECTION("there is no npm, and none to be had") {
    machine.remove("npm");
    CHECK(machine.install({"UNKNOWN=npm"}) == 0);
    CHECK_THAT(machine.output(), ContainsSubstring("doing without npm: "));
  }
  SECTION("the mirror is away") {
    machine.remove("promtool");
    CHECK(machine.install({"MISSING=wrk jq shellcheck", "AWAY=1"}) == 0);
    CHECK_THAT(machine.output(), ContainsSubstring("doing without shellcheck: the mirror"));
    CHECK_THAT(machine.output(), ContainsSubstring("doing without prom"));
  }
}

TEST_CASE("infra/install fails without what is needed, and names it") {
  Machine machine;
  CHECK(machine.install({"MISSING=ninja-build jq", "UNKNOWN=ninja-build"}) == 1);
  CHECK_THAT(machine.output(), ContainsSubstring("could not get what Jangbu needs") &&
                                   ContainsSubstring("ninja-build: "));
  CHECK(machine.calls({"install", "jq"}).size() == 1);
}

TEST_CASE("infra/install asks a mirror that is away once, not once for each package") {
  Machine machine;
  machine.remove("promtool");
  CHECK(machine.install({"MISSING=wrk jq shellcheck", "AWAY=1"}) == 0);
  CHECK(machine.calls({"apt-get", "update"}).size() == 1);
  CHECK(machine.calls({"apt-get", "install"}).size() == 1);
  CHECK(machine.calls({"apt-get", "download"}).empty());
}

TEST_CASE("infra/install asks npm's registry once whether it is there") {
  Machine machine;

  SECTION("it is away: nothing more is asked") {
    CHECK(machine.install({"NO_REGISTRY=1"}) == 0);
    CHECK(machine.calls({"npm"}).size() == 1);
    CHECK_THAT(machine.output(), ContainsSubstring("registry does not answer") &&
                                     ContainsSubstring("doing without npm: browser"));
  }
  SECTION("it is there: each folder is fetched, and only once") {
    CHECK(machine.install({}) == 0);
    CHECK(machine.calls({"npm", "ci"}).size() == 4);
    CHECK(machine.install({}) == 0);
    CHECK(machine.calls({"npm"}).size() == 5);
  }
}

TEST_CASE("The line of a step tells how far it has come and about how long it will take") {
  const TemporaryFolder folder;
  const fs::path log = folder.path() / "ninja.log";
  const auto line = [&](const std::string& seconds) {
    fs::remove(folder.path() / "line");
    Process bash({.command = {"bash", "-euc", R"(source "$1/infra/lib.sh"
progress=ninja_progress SECONDS=$3
progress_of "$2" 0)",
                              "bash", JANGBU_ROOT, log, seconds},
                  .log = folder.path() / "line"});
    bash.wait(60s);
    return bash.log_text();
  };

  std::ofstream(log) << "ninja: Entering directory `build'\n";
  CHECK(line("100") == "ninja: Entering directory `build'\n");  // before anything is known
  std::ofstream(log) << "[1/100] a.cpp\n";
  CHECK(line("100") == "1 of 100\n");
  std::ofstream(log) << "[1/100] a.cpp\n[10/100] b.cpp\nb.cpp:1: warning: [2/3]\n";
  CHECK(line("30") == "10 of 100, about 5 min left\n");
  std::ofstream(log) << "[75/100] c.cpp\n";
  CHECK(line("100") == "75 of 100, about 40 s left\n");
}

}  // namespace
}  // namespace jangbu::test
