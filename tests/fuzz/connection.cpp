// A connection's bytes through a real server: its handlers get what the framing says is there, in
// order and however the bytes are cut; after a refusal nothing is taken for a request.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <random>
#include <vector>

#include "api/http/ascii.hpp"
#include "api/http/framing.hpp"
#include "api/http/server.hpp"
#include "api/http/uri.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace jangbu;
using namespace jangbu::http;

namespace {

// --- The server ----------------------------------------------------------------------------------

const Limits limits{.head_bytes = 512,
                    .target_bytes = 64,
                    .header_count = 6,
                    .body_bytes = 100,
                    .streamed_body_bytes = 1000};

// What a handler was given, as it tells it to the client.
std::string echo(const Request& request, std::string_view body) {
  return std::string(to_string(request.method))
      .append(" ")
      .append(request.target)
      .append("\n")
      .append(body);
}

void gather(const std::string& text, const BodyStream& body, const Exchange& exchange) {
  body.read([=](const BodyPiece& piece) {
    if (piece.kind == BodyPiece::Kind::bytes) gather(text + piece.bytes, body, exchange);
    if (piece.kind == BodyPiece::Kind::end) exchange.respond({.body = text});
  });
}

Router echo_router() {
  Router router;
  for (const Method method : {Method::get, Method::post, Method::delete_})
    for (const char* pattern : {"/", "/{a}"})
      router.add(method, pattern, [](Request&& request, const Exchange& exchange) {
        exchange.respond({.body = echo(request, request.body)});
      });
  router.add_streaming(Method::post, "/{a}/pieces",
                       [](Request&& request, const BodyStream& body, const Exchange& exchange) {
                         gather(echo(request, {}), body, exchange);
                       });
  router.add_streaming(Method::post, "/{a}/early",
                       [](Request&& request, const BodyStream&, const Exchange& exchange) {
                         exchange.respond({.body = echo(request, {})});
                       });
  return router;
}

int port_of_server() {
  static Server server("127.0.0.1", 0, echo_router(), limits);
  static const bool started = [] {
    spdlog::set_level(spdlog::level::off);
    server.start();
    return true;
  }();
  return started ? server.port() : 0;
}

// --- What must come back -------------------------------------------------------------------------

struct Expected {
  int status;  // 0: any that refuses
  bool closes;
  bool of_head = false;
  std::string body = {};  // of a 200
};

Expected expected_answer(const Router& router, const Head& head, const Route* route,
                         const Request& request, bool valid, std::string_view body) {
  Expected answer{.status = 200,
                  .closes = !head.keep_alive,
                  .of_head = head.method == Method::head,
                  .body = echo(request, body)};
  if (!valid)
    answer.status = 400;
  else if (!route)
    answer.status = router.without_route(request).status;
  return answer;
}

bool is_encoded(const Headers& headers) {
  for (std::size_t i = 0; i < headers.size(); ++i)
    if (equal_ignoring_case(headers[i].name, "content-encoding") && !headers[i].value.empty() &&
        !equal_ignoring_case(headers[i].value, "identity"))
      return true;
  return false;
}

std::vector<Expected> expected_answers(std::string_view bytes) {
  static const Router router = echo_router();
  std::vector<Expected> answers;
  for (;;) {
    const auto read = read_head(bytes, limits);
    if (std::holds_alternative<Refusal>(read)) answers.push_back({.status = 0, .closes = true});
    if (!std::holds_alternative<Head>(read)) return answers;
    const Head& head = std::get<Head>(read);
    bytes.remove_prefix(head.size);

    Request request;
    request.method = head.method;
    request.target = head.target;
    const std::size_t mark = std::min(head.target.find('?'), head.target.size());
    const std::string_view path = std::string_view(head.target).substr(0, mark);
    const std::string_view query = std::string_view(head.target).substr(mark);
    const auto segments = path == "*" ? std::vector<std::string>() : path_segments(path);
    const bool valid = segments && (query.empty() || query_pairs(query.substr(1)));
    if (segments) request.segments = *segments;
    const Route* route = valid ? router.find(request) : nullptr;

    const bool streams = route && route->streams_body();
    BodyReader reader(head, streams ? limits.streamed_body_bytes : limits.body_bytes, limits);
    const auto refuse = [&](int status) {
      answers.push_back({.status = status, .closes = true, .of_head = head.method == Method::head});
      return answers;
    };
    const bool is_command =
        head.method != Method::get && head.method != Method::head && head.method != Method::options;
    if (is_command &&
        router.cors().is_foreign(head.headers, head.headers.find("Host").value_or("")))
      return refuse(403);
    if (!reader.done() && is_encoded(head.headers)) return refuse(415);
    if (!reader.fits()) return refuse(413);
    if (route && route->pattern == "/{a}/early") {
      // The answer does not wait for the body; so nobody can tell where the next request begins.
      const bool last = !head.keep_alive || !reader.done();
      answers.push_back({.status = 200, .closes = last, .body = echo(request, {})});
      if (last) return answers;
      continue;
    }
    std::string rest(bytes), body;
    if (reader.read(rest, body)) return refuse(0);
    if (!reader.done()) return answers;
    answers.push_back(expected_answer(router, head, route, request, valid, body));
    if (!head.keep_alive) return answers;
    bytes.remove_prefix(bytes.size() - rest.size());
  }
}

// Takes an answer from the beginning of `bytes`.
void check_answer(std::string_view& bytes, const Expected& expected) {
  const std::size_t head_end = bytes.find("\r\n\r\n");
  invariant(bytes.starts_with("HTTP/1.1 ") && head_end != bytes.npos, "there is an answer");
  const std::string head(bytes.substr(0, head_end + 2));
  bytes.remove_prefix(head_end + 4);
  const int status = std::stoi(head.substr(9, 3));
  constexpr std::string_view length_field = "\r\nContent-Length: ";
  const std::size_t length_at = head.find(length_field);
  const std::size_t length = length_at == head.npos || expected.of_head
                                 ? 0
                                 : std::stoul(head.substr(length_at + length_field.size()));
  invariant(length <= bytes.size(), "an answer is whole");
  const std::string_view body = bytes.substr(0, length);
  bytes.remove_prefix(length);

  invariant(expected.status == 0 ? status >= 400 : status == expected.status,
            "the status is right");
  const bool closes = head.find("\r\nConnection: close\r\n") != head.npos;
  invariant(closes == expected.closes, "the answer says whether it is the last");
  if (status == 200 && !expected.of_head)
    invariant(body == expected.body, "the handler got what was sent");
  // 400 beside a head that the framing took is a target that cannot be decoded, or else Pistache's
  // parser saw another request.
  if (expected.status == 400 && !expected.of_head)
    invariant(body.find("malformed-target") != body.npos, "the parsers agree");
}

void skip_100_continue(std::string_view& bytes) {
  constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
  while (bytes.starts_with(go_on)) bytes.remove_prefix(go_on.size());
}

void check_answers(std::string_view bytes, const std::vector<Expected>& expected) {
  for (const Expected& answer : expected) {
    skip_100_continue(bytes);
    check_answer(bytes, answer);
  }
  skip_100_continue(bytes);
  invariant(bytes.empty(), "nothing else is answered");
}

// --- The client ----------------------------------------------------------------------------------

// Sends the pieces, closes its side, and reads to the end. libFuzzer's clock is a signal, which may
// interrupt any call.
std::string conversation(const std::vector<std::string_view>& pieces) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port_of_server()));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  constexpr int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const int connected =
      TEMP_FAILURE_RETRY(::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address));
  invariant(connected == 0, "the server accepts");
  for (const std::string_view piece : pieces)
    if (TEMP_FAILURE_RETRY(::send(socket, piece.data(), piece.size(), MSG_NOSIGNAL)) < 0) break;
  ::shutdown(socket, SHUT_WR);
  std::string received;
  char bytes[4096];
  for (ssize_t size; (size = TEMP_FAILURE_RETRY(::recv(socket, bytes, sizeof bytes, 0))) > 0;)
    received.append(bytes, static_cast<std::size_t>(size));
  ::close(socket);
  return received;
}

// A few cuts; the same for the same bytes, so that what is found can be shown again.
std::vector<std::string_view> cut(std::string_view bytes) {
  std::minstd_rand random(static_cast<unsigned>(std::hash<std::string_view>()(bytes)));
  std::vector<std::string_view> pieces;
  while (!bytes.empty() && pieces.size() < 8) {
    pieces.push_back(bytes.substr(0, 1 + random() % bytes.size()));
    bytes.remove_prefix(pieces.back().size());
  }
  pieces.push_back(bytes);
  return pieces;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = fuzz::text_of(data, size);
  const auto expected = expected_answers(bytes);
  check_answers(conversation({bytes}), expected);
  check_answers(conversation(cut(bytes)), expected);
  return 0;
}
