// infra/install, and what infra/up and infra/test install and build, on a machine of stand-ins:
// each program that would install or build something is a few lines that note how they were called,
// and what this machine lacks is said by the test. Nothing is installed and nobody is asked.
#include <sys/wait.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_container_properties.hpp>
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
using Catch::Matchers::IsEmpty;
using Catch::Matchers::SizeIs;

// The folders whose packages come with npm, from the project's root.
std::vector<fs::path> npm_folders() {
  std::vector<fs::path> folders;
  for (const char* room : {"infra", "tests"})
    for (const auto& folder : fs::directory_iterator(fs::path(JANGBU_ROOT) / room))
      if (fs::exists(folder.path() / "package.json"))
        folders.push_back(fs::path(room) / folder.path().filename());
  return folders;
}

class Machine {
 public:
  Machine() {
    const fs::path from = JANGBU_ROOT;
    fs::create_directories(checkout() / "tests/unit");
    fs::create_directories(checkout() / "infra/provider");
    for (const char* file : {"infra/install", "infra/up", "infra/test", "infra/lib.sh",
                             "infra/packages", "infra/provider/packages", "tests/packages",
                             "tests/unit/CMakeLists.txt", "CMakePresets.json"})
      fs::copy_file(from / file, checkout() / file);
    for (const fs::path& folder : npm_folders()) {
      fs::create_directories(checkout() / folder);
      for (const char* file : {"package.json", "package-lock.json", ".npmrc"})
        fs::copy_file(from / folder / file, checkout() / folder / file);
    }

    fs::create_directory(programs());
    for (const char* name : {
             "awk",   "base64", "bash",    "cat",   "chmod",    "cmp",       "cp",
             "cut",   "date",   "dirname", "dpkg",  "dpkg-deb", "env",       "flock",
             "grep",  "gzip",   "head",    "id",    "mkdir",    "mktemp",    "mv",
             "nproc", "od",     "rm",      "rmdir", "sed",      "sha512sum", "sh",
             "sleep", "tail",   "tar",     "tee",   "timeout",  "touch",     "tr",
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
    if [[ $name == npm ]]; then
      defaults=package/usr/share/nodejs/npm/lib/utils/config && mkdir -p $defaults
      printf "define('%s', {\n  default: '%s',\n})\n" color always registry http://npm.invalid/ after no >$defaults/definitions.js
    fi
    printf 'Package: %s\nVersion: 3.0\nArchitecture: all\nMaintainer: nobody\nDescription: empty\n' \
      "$name" >package/DEBIAN/control
    dpkg-deb --build package "${name}_3.0_all.deb" ;;
esac)");
    stand_in("npm", R"([[ ! ${NO_REGISTRY:-} ]])");
    stand_in("promtool", "");
    stand_in("curl", R"(
while (($# > 1)); do
  if [[ $1 == --output && $2 != /dev/null ]]; then printf '%s' "$PACKAGE" | base64 -d >"$2"; fi
  shift
done)");
    stand_in("cmake", R"(cd "$2" && mkdir -p build/release/tests && touch build/release/build.ninja
if [[ $* == *BUILD_TESTING=ON* ]]; then touch build/release/tests/CTestTestfile.cmake; fi)");
    stand_in("ninja", "");
    stand_in("ctest", "");
  }

  void remove(const std::string& program) { fs::remove(programs() / program); }

  // Exit status of infra/install --tests; `environment` says what is the matter with this machine.
  int install(const std::vector<std::string>& environment) {
    return run({"infra/install", "--tests"}, environment);
  }

  // The same of a script and its arguments.
  int run(std::vector<std::string> command, std::vector<std::string> environment) {
    command.front() = checkout() / command.front();
    environment.push_back("PATH=" + programs().string());
    environment.push_back("CALLS=" + calls_file().string());
    environment.push_back("JANGBU_NATS_SERVER=" + (programs() / "nats-server").string());
    // Nor is it to matter what the machine that the tests run on is set up with.
    const std::string home = "HOME=" + folder_.path().string();
    for (const std::string_view unset :
         {std::string_view("UNKNOWN="), std::string_view("MISSING="),
          std::string_view("npm_config_registry="), std::string_view("NPM_CONFIG_REGISTRY="),
          std::string_view(home)})
      if (std::none_of(environment.begin(), environment.end(), [&](const std::string& said) {
            return said.starts_with(unset.substr(0, unset.find('=') + 1));
          }))
        environment.emplace_back(unset);
    Process script({.command = command, .log = log_file(), .environment = environment});
    const int status = script.wait(60s);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  std::string output() const { return text_of(log_file()); }

  fs::path checkout() const { return folder_.path() / "checkout"; }

  // A package of npm as base64, which the console's lock file names from now on.
  std::string pack(const std::string& name, const std::string& version) {
    Process bash(
        {.command = {"bash", "-euc", R"script(cd "$1" && mkdir package && echo 0 >package/index.js
digest() { sha512sum | cut -d ' ' -f 1 | sed 's/../\\x&/g'; }
tar -cz package >package.tgz
printf '{\n    "node_modules/%s": {\n      "version": "%s",\n      "integrity": "sha512-%s"\n    }\n}\n' \
  "$2" "$3" "$(printf "$(digest <package.tgz)" | base64 -w 0)" >checkout/infra/console/package-lock.json
base64 -w 0 package.tgz)script",
                     "bash", folder_.path(), name, version},
         .log = folder_.path() / "packed"});
    if (bash.wait(60s) != 0) throw std::runtime_error(bash.log_text());
    return bash.log_text();
  }

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
    CHECK(machine.calls({"npm", "ci"}).size() == npm_folders().size());
    CHECK(machine.install({}) == 0);
    CHECK(machine.calls({"npm"}).size() == npm_folders().size() + 1);
  }
}

std::vector<std::string> packages_in(const fs::path& list) {
  std::vector<std::string> names;
  std::ifstream file(list);
  for (std::string kind, name, rest; file >> kind; std::getline(file, rest))
    if (kind == "need" || kind == "want") {
      file >> name;
      names.push_back(name);
    }
  return names;
}

TEST_CASE("infra/up installs and builds what running takes, infra/test what the tests take too") {
  Machine machine;
  machine.remove("npm");
  const std::vector<std::string> running = packages_in(machine.checkout() / "infra/packages");
  std::vector<std::string> testing = packages_in(machine.checkout() / "tests/packages");
  for (const char* name : {"npm", "chromium", "clang", "libcatch2-dev", "libfuse3-dev"})
    testing.emplace_back(name);
  std::string missing = "MISSING=";
  for (const auto& list : {running, testing})
    for (const std::string& name : list) missing += name + ' ';

  REQUIRE(machine.run({"infra/up", "--build-only"}, {missing}) == 0);
  for (const std::string& name : running)
    CHECK_THAT(machine.calls({"apt-get", "install", name}), SizeIs(1));
  for (const std::string& name : testing)
    CHECK_THAT(machine.calls({"apt-get", "install", name}), IsEmpty());
  CHECK_THAT(machine.calls({"apt-get", "download"}), SizeIs(1));  // npm, to be read
  CHECK_THAT(machine.calls({"cmake", "BUILD_TESTING=OFF"}), SizeIs(1));
  CHECK_THAT(machine.calls({"ninja", "jangbu"}), SizeIs(1));

  REQUIRE(machine.run({"infra/test", "--label", "unit"}, {missing}) == 0);
  for (const std::string& name : testing)
    CHECK_THAT(machine.calls({"apt-get", "install", name}), SizeIs(1));
  CHECK_THAT(machine.calls({"cmake", "BUILD_TESTING=ON"}), SizeIs(1));
  CHECK_THAT(machine.calls({"ninja", "tests/unit/all"}), SizeIs(1));

  // Neither configures the build again that they share.
  REQUIRE(machine.run({"infra/up", "--build-only"}, {}) == 0);
  REQUIRE(machine.run({"infra/test", "--label", "unit"}, {}) == 0);
  CHECK_THAT(machine.calls({"cmake", "--preset"}), SizeIs(2));
}

TEST_CASE("infra/up --secure installs what access control takes too, and infra/up does not") {
  Machine machine;
  const std::vector<std::string> securing =
      packages_in(machine.checkout() / "infra/provider/packages");
  REQUIRE(!securing.empty());
  std::string missing = "MISSING=";
  for (const std::string& name : securing) missing += name + ' ';

  REQUIRE(machine.run({"infra/up", "--build-only"}, {missing}) == 0);
  for (const std::string& name : securing)
    CHECK_THAT(machine.calls({"apt-get", "install", name}), IsEmpty());
  CHECK(!fs::exists(machine.checkout() / ".tools/provider"));

  REQUIRE(machine.run({"infra/up", "--build-only", "--secure"}, {missing}) == 0);
  for (const std::string& name : securing)
    CHECK_THAT(machine.calls({"apt-get", "install", name}), SizeIs(1));
  CHECK(fs::exists(machine.checkout() / ".tools/provider"));
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

TEST_CASE("Jangbu is configured without what only the tests use") {
  const TemporaryFolder folder;
  Process cmake(
      {.command = {"cmake", "-G", "Ninja", "-S", JANGBU_ROOT, "-B", folder.path() / "build", "-D",
                   "BUILD_TESTING=OFF", "-D", "CMAKE_DISABLE_FIND_PACKAGE_Catch2=ON", "-D",
                   "CMAKE_DISABLE_FIND_PACKAGE_rapidcheck=ON", "-D",
                   "CMAKE_DISABLE_FIND_PACKAGE_valijson=ON"},
       .log = folder.path() / "log"});
  const int status = cmake.wait(300s);
  INFO(cmake.log_text());
  CHECK(status == 0);
}

TEST_CASE("Without npm, curl fetches what the pages need, and a lock file's digest decides") {
  Machine machine;
  machine.remove("npm");
  const fs::path uplot = machine.checkout() / ".tools/console/node_modules/uplot";

  SECTION("from the registry that the machine is set up with") {
    CHECK(machine.run({"infra/install"}, {"PACKAGE=" + machine.pack("uplot", "1.6.32"),
                                          "npm_config_registry=http://registry.invalid/"}) == 0);
    CHECK(fs::exists(uplot / "index.js"));
    CHECK_THAT(machine.calls({"curl", "http://registry.invalid/uplot/-/uplot-1.6.32.tgz"}),
               SizeIs(1));
    // What came for it is not what the other lock file names.
    CHECK_THAT(machine.output(), ContainsSubstring("doing without npm: swagger-ui could not be"));
    CHECK(!fs::exists(machine.checkout() / ".tools/swagger-ui"));
  }
  SECTION("a package of a package goes where that finds it") {
    const std::string place = "uplot/node_modules/@u/plot";
    CHECK(machine.run({"infra/install"}, {"PACKAGE=" + machine.pack(place, "2.0.0")}) == 0);
    CHECK(fs::exists(uplot.parent_path() / place / "index.js"));
    CHECK_THAT(machine.calls({"curl", "http://npm.invalid/@u/plot/-/plot-2.0.0.tgz"}), SizeIs(1));
  }
  SECTION("from npm's own") {
    CHECK(machine.run({"infra/install"}, {"PACKAGE=" + machine.pack("@u/plot", "2.0.0")}) == 0);
    CHECK(fs::exists(uplot.parent_path() / "@u/plot/index.js"));
    CHECK_THAT(machine.calls({"curl", "http://npm.invalid/@u/plot/-/plot-2.0.0.tgz"}), SizeIs(1));
    CHECK_THAT(machine.calls({"apt-get", "install", "npm"}), IsEmpty());
  }
}

}  // namespace
}  // namespace jangbu::test
