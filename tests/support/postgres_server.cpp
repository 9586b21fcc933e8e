#include "tests/support/postgres_server.hpp"

#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace jangbu::test {

namespace {

namespace fs = std::filesystem;

// PostgreSQL refuses to run as root.
constexpr const char* user = "postgres";

// Debian keeps the servers of several versions side by side: the newest.
fs::path newest_programs() {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql"))
    if (fs::exists(entry.path() / "bin" / "initdb")) found.push_back(entry.path() / "bin");
  if (found.empty()) throw std::runtime_error("no PostgreSQL server is installed");
  return *std::max_element(found.begin(), found.end(), [](const fs::path& a, const fs::path& b) {
    return std::stoi(a.parent_path().filename()) < std::stoi(b.parent_path().filename());
  });
}

void make_folder(const fs::path& path) {
  fs::create_directory(path);
  if (::geteuid() != 0) return;
  const passwd* owner = ::getpwnam(user);
  if (!owner || ::chown(path.c_str(), owner->pw_uid, owner->pw_gid) != 0)
    throw std::system_error(errno, std::generic_category(), path.string());
}

// Until it ends.
void run(const std::vector<std::string>& command, const fs::path& log) {
  Process process({.command = command, .log = log, .user = user});
  if (process.wait(60s) != 0) throw std::runtime_error(command.front() + ": " + process.log_text());
}

void initialize(const fs::path& programs, const fs::path& data, const fs::path& log) {
  run({programs / "initdb", "-D", data, "-U", user, "--auth=trust", "--encoding=UTF8",
       "--locale=C.UTF-8", "--no-sync"},
      log);
}

// With owners and modes.
void copy_folder(const fs::path& from, const fs::path& to) {
  TemporaryFolder folder;
  Process cp({.command = {"cp", "-a", from, to}, .log = folder.path() / "log"});
  if (cp.wait(60s) != 0) throw std::runtime_error("cp: " + cp.log_text());
}

// An empty cluster to be copied, made by the first test that needs one: initdb takes longer than
// most tests. It is renamed when it is complete; several tests may be at it at once.
fs::path empty_cluster(const fs::path& programs) {
  const fs::path made = JANGBU_TEST_CLUSTER + programs.parent_path().filename().string();
  if (fs::exists(made)) return made;
  const TemporaryFolder folder;  // where that user may go
  make_folder(folder.path() / "data");
  initialize(programs, folder.path() / "data", folder.path() / "log");
  const fs::path copied = made.string() + "." + std::to_string(::getpid());
  copy_folder(folder.path() / "data", copied);
  std::error_code another_was_faster;
  fs::rename(copied, made, another_was_faster);
  if (another_was_faster) fs::remove_all(copied);
  return made;
}

std::vector<pid_t> children_of(pid_t pid) {
  const std::string number = std::to_string(pid);
  std::ifstream file("/proc/" + number + "/task/" + number + "/children");
  std::vector<pid_t> children;
  for (pid_t child; file >> child;) children.push_back(child);
  return children;
}

// A process that has ended may stay as a zombie for as long as its parent likes.
bool runs(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string number, name, state;
  return file >> number >> name >> state && state != "Z" && state != "X";
}

}  // namespace

PostgresServer::PostgresServer(Settings settings)
    : data_((settings.volume.empty() ? folder_.path() : settings.volume) / "data"),
      settings_(std::move(settings.settings)),
      port_(settings.port),
      programs_(newest_programs()) {
  if (port_ != 0) {
    settings_.push_back("listen_addresses=127.0.0.1");
    settings_.push_back("port=" + std::to_string(port_));
  }
  make_folder(folder_.path() / "socket");
}

PostgresServer::PostgresServer(std::vector<std::string> settings, const fs::path& volume, int port)
    : PostgresServer(Settings{std::move(settings), volume, port}) {
  copy_folder(empty_cluster(programs_), data_);
  start();
}

std::unique_ptr<PostgresServer> PostgresServer::standby_of(const PostgresServer& primary,
                                                           int port) {
  std::unique_ptr<PostgresServer> standby(new PostgresServer(Settings{{"fsync=off"}, {}, port}));
  make_folder(standby->data_);
  fs::permissions(standby->data_, fs::perms::owner_all);
  run({standby->programs_ / "pg_basebackup", "--dbname=" + primary.conninfo(), "-D", standby->data_,
       "--write-recovery-conf", "--checkpoint=fast", "--no-sync"},
      standby->folder_.path() / "copy.log");
  standby->start();
  return standby;
}

std::string PostgresServer::conninfo(const std::string& database) const {
  return "host=" + (folder_.path() / "socket").string() + " user=" + user + " dbname=" + database +
         (port_ != 0 ? " port=" + std::to_string(port_) : "");
}

std::string PostgresServer::conninfo_with(const PostgresServer& other,
                                          const std::string& database) const {
  const auto port = [](const PostgresServer& server) {
    return server.port_ != 0 ? std::to_string(server.port_) : "";
  };
  return "host=" + (folder_.path() / "socket").string() + "," +
         (other.folder_.path() / "socket").string() + " port=" + port(*this) + "," + port(other) +
         " user=" + user + " dbname=" + database;
}

std::string PostgresServer::create_database() {
  const std::string name = "test_" + std::to_string(++databases_);
  PGconn* connection = PQconnectdb(conninfo().c_str());
  PGresult* result = PQexec(connection, ("CREATE DATABASE " + name).c_str());
  const std::string error =
      PQresultStatus(result) == PGRES_COMMAND_OK ? "" : PQerrorMessage(connection);
  PQclear(result);
  PQfinish(connection);
  if (!error.empty()) throw std::runtime_error("CREATE DATABASE: " + error);
  return conninfo(name);
}

void PostgresServer::start() {
  std::vector<std::string> command{
      programs_ / "postgres",
      "-D",
      data_,
      "-k",
      folder_.path() / "socket",
      "-c",
      "listen_addresses=",
      "-c",
      "unix_socket_permissions=0700"};  // no one else becomes superuser
  for (const std::string& setting : settings_) {
    command.push_back("-c");
    command.push_back(setting);
  }
  process_ = std::make_unique<Process>(
      Process::Options{.command = command, .log = folder_.path() / "postgres.log", .user = user});
  wait_until(
      "PostgreSQL",
      [this] {
        if (!process_->running()) throw std::runtime_error("PostgreSQL: " + process_->log_text());
        return PQping(conninfo().c_str()) == PQPING_OK;
      },
      60s);
}

PostgresServer::~PostgresServer() {
  resume();  // paused ones would not see that they are asked to stop
  if (process_->running()) stop();
}

void PostgresServer::stop() {
  process_->stop(SIGINT, 60s);  // 'fast': sessions are ended
}

void PostgresServer::pause() {
  // The server first, so that it starts no more of them.
  process_->pause();
  paused_ = children_of(process_->pid());
  for (const pid_t child : paused_) ::kill(child, SIGSTOP);
}

void PostgresServer::resume() {
  for (const pid_t child : std::exchange(paused_, {})) ::kill(child, SIGCONT);
  process_->signal(SIGCONT);
}

void PostgresServer::promote() {
  run({programs_ / "pg_ctl", "promote", "--wait", "-D", data_}, folder_.path() / "promotion.log");
}

void PostgresServer::kill() {
  // Stopped first, so that it starts no more of them.
  process_->pause();
  const auto children = children_of(process_->pid());
  for (const pid_t child : children) ::kill(child, SIGKILL);
  process_->stop(SIGKILL);
  // The next start needs their shared memory to be free.
  wait_until("the end of PostgreSQL's processes",
             [&] { return std::none_of(children.begin(), children.end(), runs); });
}

}  // namespace jangbu::test
