// HTTP on one worker's connections: bytes to requests, requests to the router, answers to bytes.
//
// Threads: one instance per worker, used by that worker alone.
#pragma once

#include <pistache/http.h>

#include <cstdint>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api/http/connection.hpp"
#include "api/http/mailbox.hpp"
#include "api/http/server_state.hpp"

namespace jangbu::http {

class Transport;

class Protocol final : public Pistache::Http::Handler {
 public:
  explicit Protocol(std::shared_ptr<ServerState> server);

  std::shared_ptr<Pistache::Tcp::Handler> clone() const override;

  // A client connected, sent bytes, closed its side.
  void onConnection(const std::shared_ptr<Pistache::Tcp::Peer>& peer) override;
  void onInput(const char* bytes, std::size_t size,
               const std::shared_ptr<Pistache::Tcp::Peer>& peer) override;
  void input_ended(const std::shared_ptr<Connection>& connection);

  // The socket took this many bytes of Connection::output, perhaps all of it.
  void output_moved(const std::shared_ptr<Connection>& connection, std::size_t bytes);

  // The phase, or the next piece of the body, took too long.
  void expired(const std::shared_ptr<Connection>& connection);

  // There will be no more requests: closes the connection unless one is under way.
  void close_if_idle(const std::shared_ptr<Connection>& connection);

  // Mail arrived for a connection. REQUIRES: it is not gone.
  void deliver(Mail&& mail);

  // The connection was dropped; mail arrived for one that was dropped.
  void dropped(const std::shared_ptr<Connection>& connection);
  void undeliverable(Mail&& mail);

 private:
  // Pistache's own entry point for requests, which is not used: see README.md.
  void onRequest(const Pistache::Http::Request&, Pistache::Http::ResponseWriter) override {}

  Transport& transport();
  void await_request(const std::shared_ptr<Connection>& connection);
  void read_request(const std::shared_ptr<Connection>& connection);
  void announce(Connection& connection, Head&& head);
  void read_target(Announced& announced) const;
  std::optional<Refusal> refused_at_head(const Connection& connection) const;
  void begin_serving(Connection& connection, const Headers& headers);
  void begin_answer(Connection& connection, const Response& response);
  void end_answer(Connection& connection, bool complete);
  void dispatch(const std::shared_ptr<Connection>& connection);
  void dispatch_streaming(const std::shared_ptr<Connection>& connection,
                          const StreamingHandler& handler);
  void hand_over(const std::shared_ptr<Connection>& connection);
  void end_body(const std::shared_ptr<Connection>& connection);
  bool parse(Method method, std::string_view path);
  void refuse(const std::shared_ptr<Connection>& connection, const Refusal& refusal);
  void send_last(const std::shared_ptr<Connection>& connection, std::string bytes);
  template <class Bytes>
  void send_piece(const std::shared_ptr<Connection>& connection, Bytes bytes);
  void close_gently(const std::shared_ptr<Connection>& connection);

  // One for each kind of mail.
  void carry_out(const std::shared_ptr<Connection>& connection, Response& response);
  void carry_out(const std::shared_ptr<Connection>& connection, std::function<Response()>& build);
  void carry_out(const std::shared_ptr<Connection>& connection, StreamStart& start);
  void carry_out(const std::shared_ptr<Connection>& connection, StreamBytes& piece);
  void carry_out(const std::shared_ptr<Connection>& connection, SharedBytes& shared);
  void carry_out(const std::shared_ptr<Connection>& connection, StreamEnd& end);
  void carry_out(const std::shared_ptr<Connection>& connection, CutOff& cut);
  void carry_out(const std::shared_ptr<Connection>& connection, BodyWanted& wanted);
  template <class Bytes>
  void carry_out_piece(const std::shared_ptr<Connection>& connection, Bytes bytes,
                       std::size_t size);

  const std::shared_ptr<ServerState> server_;
  Pistache::Http::RequestParser parser_;
  std::string line_;             // the input of the parser, kept to reuse its memory
  std::string_view date();       // now, as the Date field has it
  std::string date_;             // the last result of date(),
  std::time_t date_second_ = 0;  // and the second it is for
  const std::string id_prefix_;  // of the request ids that this worker generates
  std::uint64_t ids_made_ = 0;
};

}  // namespace jangbu::http
