// infra/up with this build's jangbu, on ports and in a folder of its own.
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/openid_provider.hpp"
#include "tests/support/process.hpp"
#include "tests/support/shop.hpp"

namespace jangbu::test {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;

std::string text_of(const fs::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void write(const fs::path& path, const std::string& text, int mode = 0644) {
  std::ofstream(path) << text;
  fs::permissions(path, fs::perms{static_cast<unsigned>(mode)});
}

bool is_in(const std::vector<std::string>& list, const std::string& one) {
  return std::ranges::find(list, one) != list.end();
}

bool is_root() {
  return ::geteuid() == 0;
}

// Of a row of ports that infra/up has all to itself: it takes some of that many.
int free_ports(int count) {
  for (int first = free_port_base(), last = first;;) {
    const int next = free_port_base();
    if (next != last + 5) first = next;
    last = next;
    if (last + 5 - first >= count) return first;
  }
}

// A data folder under a folder that keeps everyone else out, as /root does.
class DataFolder {
 public:
  DataFolder() { fs::permissions(folder_.path(), fs::perms{0700}); }

  fs::path path() const { return folder_.path() / "data"; }
  fs::path beside(const std::string& name) const { return folder_.path() / name; }

  int pid_of(const std::string& server) const {
    std::ifstream file(path() / "run" / (server + ".pid"));
    int pid = 0;
    file >> pid;
    return pid;
  }

 private:
  TemporaryFolder folder_;
};

// infra/up on a data folder; the destructor stops it. `before` goes before its command line,
// `arguments` behind.
class Up {
 public:
  explicit Up(const DataFolder& data, std::vector<std::string> before = {},
              std::vector<std::string> environment = {}, std::vector<std::string> arguments = {})
      : data_(data), port_base_(free_ports(is_in(arguments, "--cluster") ? 28 : 14)) {
    std::vector<std::string> command = std::move(before);
    command.insert(command.end(), {JANGBU_ROOT "/infra/up", "--no-demo", "--port-base",
                                   std::to_string(port_base_)});
    command.insert(command.end(), arguments.begin(), arguments.end());
    if (std::none_of(environment.begin(), environment.end(), [](const std::string& variable) {
          return variable.starts_with("JANGBU_PROGRAM=");
        }))
      environment.push_back("JANGBU_PROGRAM=" JANGBU_PROGRAM);
    environment.push_back("JANGBU_DATA=" + data.path().string());
    fs::remove(data.beside("up.log"));  // of a start before
    script_ = std::make_unique<Process>(Process::Options{
        .command = command, .log = data.beside("up.log"), .environment = environment});
  }

  // Something that traces the script does not pass a signal on to it.
  ~Up() {
    if (data_.pid_of("up") > 0 && script_->running()) stop();
  }
  Up(const Up&) = delete;
  Up& operator=(const Up&) = delete;

  void wait_until_up() {
    wait_until(
        "infra/up",
        [&] {
          if (!script_->running()) throw std::runtime_error(script_->log_text());
          return script_->log_text().find("Jangbu is up") != std::string::npos;
        },
        120s);
  }

  int stop() {
    ::kill(data_.pid_of("up"), SIGTERM);
    return exit_status();
  }

  int exit_status() {
    const int status = script_->wait(120s);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  std::string output() const { return script_->log_text(); }
  int port(int offset) const { return port_base_ + offset; }

 private:
  const DataFolder& data_;
  const int port_base_;
  std::unique_ptr<Process> script_;
};

// Empty when strace works here.
std::string why_no_strace() {
  const TemporaryFolder folder;
  Process strace({.command = {"strace", "-o", "/dev/null", "true"}, .log = folder.path() / "log"});
  return strace.wait(60s) == 0 ? "" : strace.log_text() + " (Debian: strace)";
}

TEST_CASE("infra/up: no command line holds a password, and PostgreSQL has none of root's rights") {
  if (const std::string why = why_no_strace(); !why.empty())
    SKIP("nobody sees programs start: " << why);
  const DataFolder data;
  const fs::path programs = data.beside("programs");
  std::vector<std::string> arguments;
  if (OpenIdProvider::why_not().empty()) arguments.emplace_back("--secure");
  std::string environment_of_jangbu, environment_of_postgres, rights;
  {
    Up up(data,
          {"strace", "-f", "--seccomp-bpf", "-qq", "-s", "65536", "-e", "trace=execve,execveat",
           "-o", programs},
          {"SECRET_OF_ROOT=hush"}, arguments);
    up.wait_until_up();
    const auto process = [&](const std::string& server) {
      return fs::path("/proc") / std::to_string(data.pid_of(server));
    };
    environment_of_jangbu = text_of(process("jangbu") / "environ");
    environment_of_postgres = text_of(process("postgres") / "environ");
    rights = text_of(process("postgres") / "status");
  }

  const std::string started = text_of(programs);
  CHECK_THAT(started, ContainsSubstring("serve"));
  for (const char* file : {"nats/password", "postgres/password"}) {
    const std::string password = text_of(data.path() / file);
    REQUIRE(password.size() >= 40);
    CHECK(started.find(password) == std::string::npos);
    CHECK(environment_of_jangbu.find(password) != std::string::npos);
    for (const auto& log : fs::directory_iterator(data.path() / "log"))
      CHECK(text_of(log.path()).find(password) == std::string::npos);
  }
  if (!arguments.empty()) {
    const std::string key = text_of(data.path() / "access/clerk.key");
    REQUIRE(key.starts_with("jbk_clerk_"));
    CHECK(started.find(key.substr(0, key.find('\n'))) == std::string::npos);
  }
  if (is_root()) {
    CHECK_THAT(rights, ContainsSubstring("CapPrm:\t0000000000000000"));
    CHECK_THAT(environment_of_postgres, !ContainsSubstring("hush"));
  }
}

TEST_CASE("infra/up --secure: with a token one is let in, and without --secure everybody is") {
  if (const std::string why = OpenIdProvider::why_not(); !why.empty()) SKIP(why);
  const DataFolder data;
  std::string authority;
  for (int start = 0; start < 2; ++start) {
    Up up(data, {}, {}, {"--secure"});
    up.wait_until_up();
    if (start == 0) authority = text_of(data.path() / "tls/ca.pem");
    CHECK(text_of(data.path() / "tls/ca.pem") == authority);
    const TlsClient::Options tls{.ca = authority};

    HttpClient products(up.port(2), {}, tls);
    CHECK(products.get("/products").status == 401);
    const Reply reply =
        HttpClient(up.port(13), {}, tls)
            .send("POST", "/token",
                  "grant_type=client_credentials&client_id=tour-buyer&client_secret=" +
                      text_of(data.path() / "provider/tour-buyer"),
                  {{"Content-Type", "application/x-www-form-urlencoded"}});
    REQUIRE(reply.status == 200);
    const std::string token = reply.json.at("access_token");
    CHECK(products.get("/products", {{"Authorization", "Bearer " + token}}).status == 200);
  }
  for (const char* secret : {"tls/ca.key", "tls/server.key", "provider/keys.json",
                             "provider/tour-buyer", "access/clerk.key", "access/keys.toml"}) {
    CAPTURE(secret);
    CHECK((fs::status(data.path() / secret).permissions() & fs::perms{0077}) == fs::perms::none);
  }

  Up up(data);
  up.wait_until_up();
  CHECK(HttpClient(up.port(2)).get("/products").status == 200);
}

// That this process may use, as nproc(1) counts them.
int processors() {
  cpu_set_t usable;
  REQUIRE(::sched_getaffinity(0, sizeof usable, &usable) == 0);
  return CPU_COUNT(&usable);
}

TEST_CASE("infra/up --cluster: what dies is started again, and all of it ends in order") {
  const DataFolder data;
  {
    Up up(data, {}, {}, {"--cluster"});
    up.wait_until_up();
    const auto is_ready = [&](int offset, const char* path) {
      try {
        return HttpClient(up.port(offset)).get(path).status == 200;
      } catch (const NoReply&) {
        return false;
      }
    };
    const auto says = [&](const std::string& text) {
      return up.output().find(text) != std::string::npos;
    };
    const auto active = [&](int offset) {
      return std::string(HttpClient(up.port(offset))
                             .get("/health/ready")
                             .json.at("checks")
                             .at("writer")
                             .at("active"));
    };
    CHECK(is_ready(0, "/health/ready"));
    CHECK(is_ready(20, "/health/ready"));
    wait_until("both know who is active", [&] { return active(0) == active(20); });
    for (const auto& [offset, other] : {std::pair(0, 20), std::pair(20, 0)})
      CHECK_THAT(HttpClient(up.port(offset)).get("/console/services.js").body,
                 ContainsSubstring("http://127.0.0.1:" + std::to_string(up.port(other)) + "\""));

    const char* own = std::getenv("GOMAXPROCS");  // which is kept
    const std::string expected = own ? own : std::to_string((processors() + 1) / 2);
    for (const char* server : {"nats-1", "nats-2", "nats-3"})
      CHECK_THAT(text_of(fs::path("/proc") / std::to_string(data.pid_of(server)) / "environ"),
                 ContainsSubstring("GOMAXPROCS=" + expected + '\0'));

    const std::string killed[] = {active(0), "nats-2"};
    int pids[2];
    for (int i : {0, 1}) {
      pids[i] = data.pid_of(killed[i]);
      ::kill(pids[i], SIGKILL);
    }
    for (int i : {0, 1}) {
      CAPTURE(killed[i]);
      wait_until("it is told", [&] { return says(killed[i] + " ended (signal KILL)"); });
      wait_until("it is started", [&] { return says("Started " + killed[i] + " again"); });
      CHECK(data.pid_of(killed[i]) != pids[i]);
    }
    wait_until("all are there", [&] {
      return is_ready(0, "/health/ready") && is_ready(20, "/health/ready") &&
             is_ready(15, "/healthz");
    });

    CHECK(up.stop() == 0);
    std::size_t last = 0;
    for (const std::string server :
         {"jangbu-1", "jangbu-2", "postgres", "nats-1", "nats-2", "nats-3"}) {
      CAPTURE(server, up.output());
      const std::size_t at = up.output().find("Stopped " + server);
      REQUIRE(at != std::string::npos);
      CHECK(at > last);
      last = at;
      CHECK(data.pid_of(server) == 0);
    }
  }

  Up alone(data, {}, {"JANGBU_PROGRAM=/bin/true"});
  CHECK(alone.exit_status() == 1);
  CHECK_THAT(alone.output(), ContainsSubstring("was made by infra/up --cluster"));
}

TEST_CASE("infra/up --cluster: the folder of a single shop is refused") {
  const DataFolder data;
  fs::create_directories(data.path() / "nats");
  write(data.path() / "VERSION", "jangbu-data 1\n");
  Up up(data, {}, {"JANGBU_PROGRAM=/bin/true"}, {"--cluster"});
  CHECK(up.exit_status() == 1);
  CHECK_THAT(up.output(), ContainsSubstring("was made by infra/up without --cluster"));
}

TEST_CASE("infra/up: the cluster's folder does not say which programs are run") {
  const DataFolder data;
  // A cluster that names another folder as the one its programs are in.
  const fs::path cluster = data.path() / "postgres" / "cluster";
  fs::create_directories(cluster);
  write(data.path() / "VERSION", "jangbu-data 1\n");
  for (const char* folder : {"log", "run", "nats", "jangbu"})
    fs::create_directory(data.path() / folder);
  const fs::path programs = data.beside("bin");
  const fs::path evidence = data.beside("evidence");
  fs::create_directory(programs);
  for (const char* program : {"postgres", "pg_isready"})
    write(programs / program, "#!/bin/sh\ntouch '" + evidence.string() + "'\nsleep 60\n", 0755);

  SECTION("by a path") {
    write(cluster / "PG_VERSION", "../../.." + data.beside("").string());
  }
  SECTION("by what is no file") {
    REQUIRE(::mkfifo((cluster / "PG_VERSION").c_str(), 0666) == 0);
  }
  if (is_root()) {
    Process chown({.command = {"chown", "-R", "postgres:", cluster}, .log = data.beside("chown")});
    REQUIRE(chown.wait(60s) == 0);
  }

  Up up(data);
  CHECK(up.exit_status() == 1);
  CHECK_THAT(up.output(), ContainsSubstring("PG_VERSION"));
  CHECK(!fs::exists(evidence));
}

TEST_CASE("infra/up: root does not write where a link in the cluster's folder leads") {
  if (!is_root()) SKIP("only root has something to lose");
  const DataFolder data;
  // Between two commands that user puts a link where the next one is going to write.
  const fs::path programs = data.beside("bin");
  const fs::path victim = data.beside("victim");
  write(victim, "root's", 0600);
  fs::create_directory(programs);
  write(programs / "setpriv",
        "#!/bin/sh\n/usr/bin/setpriv \"$@\" || exit\ncase \"$*\" in *initdb*)\n"
        "  ln -sf '" +
            victim.string() + "' '" + data.path().string() +
            "'/postgres/cluster.new.*/pg_hba.conf ;;\nesac\n",
        0755);

  Up up(data, {}, {"PATH=" + programs.string() + ":/usr/sbin:/usr/bin:/sbin:/bin"});
  CHECK(up.exit_status() == 1);
  CHECK(text_of(victim) == "root's");
  CHECK_THAT(up.output(), ContainsSubstring("role could not be created"));
}

TEST_CASE("infra/up: root takes no data folder that others may write into, or exchange") {
  if (!is_root()) SKIP("only root has something to lose");
  const DataFolder data;

  SECTION("the folder itself") {
    fs::create_directory(data.path());
    fs::permissions(data.path(), fs::perms{0777});
  }
  SECTION("one above it") {
    fs::permissions(data.beside(""), fs::perms{0777});
  }
  SECTION("a link in it") {
    fs::create_directory(data.path());
    write(data.path() / "VERSION", "jangbu-data 1\n");
    fs::create_directory_symlink("/", data.path() / "run");
  }

  Up up(data, {}, {"JANGBU_PROGRAM=/bin/true"});
  CHECK(up.exit_status() == 1);
  CHECK_THAT(up.output(), ContainsSubstring("another folder with JANGBU_DATA") ||
                              ContainsSubstring("Choose a folder with JANGBU_DATA"));
  CHECK(!fs::exists("/up.pid"));
}

}  // namespace
}  // namespace jangbu::test
