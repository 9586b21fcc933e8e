// A server with trivial routes, to measure what the server itself costs:
//   jangbu_http_hello [port] [workers] &
//   wrk -t1 -c64 -d5s http://127.0.0.1:<port>/hello
//
// /hello answers at once; /later through another thread, as the writer does; POST /echo with the
// body. SIGTERM drains and ends it.
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "api/http/server.hpp"
#include "tests/http/answering_thread.hpp"

using namespace jangbu::http;

int main(int argc, char** argv) {
  const int port = argc > 1 ? std::atoi(argv[1]) : 0;
  const int workers = argc > 2 ? std::atoi(argv[2]) : 1;

  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);

  const auto text = [](std::string body) {
    return Response{.status = 200, .content_type = "text/plain", .body = std::move(body)};
  };
  jangbu::test::AnsweringThread later;
  Router router;
  router.add(Method::get, "/hello",
             [&](Request&&, const Exchange& exchange) { exchange.respond(text("Hello, world!")); });
  router.add(Method::get, "/later", [&](Request&&, const Exchange& exchange) {
    later.run([=] { exchange.respond_with([=] { return text("Hello, world!"); }); });
  });
  router.add(Method::post, "/echo", [&](Request&& request, const Exchange& exchange) {
    exchange.respond(text(std::move(request.body)));
  });
  Server server("127.0.0.1", port, std::move(router), {}, workers);
  server.start();
  std::printf("http://127.0.0.1:%d/hello\n", server.port());
  std::fflush(stdout);

  int signal = 0;
  sigwait(&stop, &signal);
  return server.drain(std::chrono::seconds(5)) ? 0 : 1;
}
