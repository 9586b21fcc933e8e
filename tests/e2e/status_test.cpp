// `jangbu status`: what it says of a shop, and how it ends.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <string>
#include <thread>
#include <vector>

#include "tests/e2e/requests.hpp"

using namespace jangbu::test;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

namespace {

struct Told {
  int status;
  std::string text;
};

Told ask(std::vector<std::string> arguments) {
  const TemporaryFolder folder;
  arguments.insert(arguments.begin(), "status");
  const auto process = run_jangbu(arguments, folder.path() / "log");
  const int status = process->wait(60s);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), process->log_text()};
}

Told ask(int port_base, std::vector<std::string> more = {}) {
  more.insert(more.end(), {"--port-base", std::to_string(port_base)});
  return ask(std::move(more));
}

Json ask_json(int port_base, int status) {
  const Told told = ask(port_base, {"--json"});
  CAPTURE(told.text);
  CHECK(told.status == status);
  return Json::parse(told.text);
}

std::string status_of_service(const Json& told, std::string_view name) {
  for (const Json& service : told.at("services"))
    if (service.at("name") == name) return service.at("status");
  return {};
}

// Accepts connections, and leaves it at that.
class SilentPort {
 public:
  explicit SilentPort(int port) : descriptor_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    constexpr int on = 1;
    ::setsockopt(descriptor_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(descriptor_, 5) == 0);
  }
  ~SilentPort() { ::close(descriptor_); }
  int descriptor() const { return descriptor_; }
  SilentPort(const SilentPort&) = delete;
  SilentPort& operator=(const SilentPort&) = delete;

 private:
  int descriptor_;
};

// Answers every request with the same JSON, and closes.
class Stranger {
 public:
  Stranger(int port, std::string json) : listening_(port), json_(std::move(json)) {
    thread_ = std::jthread([this] { serve(); });
  }
  ~Stranger() { ::shutdown(listening_.descriptor(), SHUT_RDWR); }
  Stranger(const Stranger&) = delete;
  Stranger& operator=(const Stranger&) = delete;

 private:
  void serve() {
    for (int client; (client = ::accept(listening_.descriptor(), nullptr, nullptr)) >= 0;) {
      std::string request;
      char bytes[4'096];
      while (request.find("\r\n\r\n") == request.npos) {
        const auto count = ::recv(client, bytes, sizeof bytes, 0);
        if (count <= 0) break;
        request.append(bytes, static_cast<std::size_t>(count));
      }
      const std::string answer =
          "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
          "Content-Length: " +
          std::to_string(json_.size()) + "\r\n\r\n" + json_;
      ::send(client, answer.data(), answer.size(), MSG_NOSIGNAL);
      ::close(client);
    }
  }

  const SilentPort listening_;
  const std::string json_;
  std::jthread thread_;  // last: it uses everything above
};

}  // namespace

TEST_CASE("What a stranger answers steers no terminal") {
  const int port_base = free_port_base();
  const Stranger stranger(
      port_base,
      R"({"status":"\u001b[2Jup","items":[{"name":"\u202eslaes","status":"\u009b1m"}],)"
      R"("checks":{"log":{"status":"up","reason":"a\u001b]0;owned\u0007\nwriter     up"}}})");
  const Told told = ask(port_base);
  CAPTURE(told.text);
  CHECK_THAT(told.text, ContainsSubstring(" is \\u001b[2Jup.\n"));
  CHECK_THAT(told.text, ContainsSubstring("\\u202eslaes"));
  CHECK_THAT(told.text, ContainsSubstring("a\\u001b]0;owned\\u0007\\nwriter     up"));
  const Told json = ask(port_base, {"--json"});
  CHECK(Json::parse(json.text).at("status") == "\u001b[2Jup");
  for (const std::string& text : {told.text, json.text}) {
    for (const char* steers : {"\x1b", "\u009b", "\u202e", "\x07", "\nwriter     up"})
      CHECK(text.find(steers) == text.npos);
  }
}

TEST_CASE("The status of a shop is told to people and to machines") {
  Shop shop;
  const int port_base = shop.jangbu.port_base();
  open_account(shop, "홍길동");
  const std::uint64_t end = log_end(shop);
  wait_until("the projector", [&] {
    return shop.operations()
               .get("/health/ready")
               .json.at("checks")
               .at("projector")
               .at("position") == end;
  });

  const Told told = ask(port_base);
  CAPTURE(told.text);
  CHECK(told.status == 0);
  const std::string url = "http://127.0.0.1:";
  CHECK_THAT(told.text, StartsWith("The shop at " + url + std::to_string(port_base) + " is up."));
  const std::string position = std::to_string(end);
  for (const std::string& line :
       {std::string("\nlog        up\n"), std::string("\ndatabase   up\n"),
        "\nwriter     up      " + position + "         active, since " +
            shop.operations()
                .get("/health/ready")
                .json.at("checks")
                .at("writer")
                .at("since")
                .get<std::string>() +
            ", 0 commands queued\n",
        "\nprojector  up      " + position + "         following, 0 commits behind\n",
        std::string("\nqueries    up\n"),
        "\npurchases   up      " + position + "         0       following\n"})
    CHECK_THAT(told.text, ContainsSubstring(line));
  CHECK_THAT(told.text,
             ContainsSubstring("\ndelivery    up      " + url + std::to_string(port_base + 4)));

  const Json json = ask_json(port_base, 0);
  CHECK(json.at("status") == "up");
  CHECK(json.at("checks").at("writer").at("position") == end);
  CHECK(json.at("readModels").size() == 5);
  for (const char* service : {"operations", "account", "product", "purchase", "delivery"})
    CHECK(status_of_service(json, service) == "up");

  // Beside it one that leaves most to others, and shares its ports with a stranger.
  ServeProcess reader(shop.options({"--no-writer", "--no-projector", "--services", "account"}));
  Json other = ask_json(reader.port_base(), 0);
  CHECK(other.at("checks").at("writer").at("status") == "off");
  CHECK(other.at("checks").at("log").at("status") == "up");
  CHECK(other.at("checks").at("database").at("status") == "up");
  CHECK(status_of_service(other, "account") == "up");
  CHECK(status_of_service(other, "product") == "off");
  CHECK_THAT(ask(reader.port_base()).text, ContainsSubstring("--no-writer"));
  const SilentPort stranger(reader.port(Service::product));
  other = ask_json(reader.port_base(), 1);
  CHECK(other.at("status") == "degraded");
  CHECK(status_of_service(other, "product") == "down");
  // A service is not operations.
  const Told wrong_port = ask(port_base + 1);
  CHECK(wrong_port.status == 1);
  CHECK_THAT(wrong_port.text, ContainsSubstring("--port-base"));

  shop.postgres.kill();
  wait_until("the database to be missed", [&] {
    const Json ready = shop.operations().get("/health/ready").json;
    const Json& checks = ready.at("checks");
    return ready.at("status") == "degraded" && checks.at("database").at("status") == "down" &&
           checks.at("readModels").at("status") == "down";
  });
  const Told degraded = ask(port_base);
  CHECK(degraded.status == 1);
  CHECK_THAT(degraded.text, ContainsSubstring(" is degraded.\n"));
  CHECK_THAT(degraded.text, ContainsSubstring("\nqueries    down\n"));
  CHECK_THAT(degraded.text, ContainsSubstring("\nlog        up\n"));
  CHECK_THAT(degraded.text, ContainsSubstring("PostgreSQL cannot be reached"));

  shop.nats.kill();
  wait_until("the log to be missed",
             [&] { return shop.operations().get("/health/ready").json.at("status") == "down"; });
  const Told down = ask(port_base);
  CHECK(down.status == 1);
  CHECK_THAT(down.text, ContainsSubstring(" is down.\n"));
  CHECK_THAT(down.text, ContainsSubstring("log-away"));
  wait_until("the connection to NATS to be missed", [&] {
    const Json checks = shop.operations().get("/health/ready").json.at("checks");
    return checks.at("log").at("status") == "down" && checks.at("log").contains("reason");
  });
}

TEST_CASE("Where no shop is, its status says so") {
  const int port_base = free_port_base();
  const Told told = ask(port_base);
  CHECK(told.status == 1);
  CHECK_THAT(told.text, StartsWith("jangbu: no shop answers at http://127.0.0.1:" +
                                   std::to_string(port_base)));
  CHECK_THAT(told.text, ContainsSubstring("jangbu serve"));
  const Json json = ask_json(port_base, 1);
  CHECK(json.at("status") == "unreachable");
  CHECK_FALSE(json.at("reason").get<std::string>().empty());

  CHECK(ask({"--port-base", "0"}).status == 2);
  CHECK(ask({"--port-base", "shop"}).status == 2);
  CHECK(ask({"everything"}).status == 2);
  CHECK(ask({"--help"}).status == 0);
}
