#include "api/http/protocol.hpp"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <ctime>
#include <stdexcept>
#include <utility>
#include <variant>

#include "api/http/ascii.hpp"
#include "api/http/hosts.hpp"
#include "api/http/pending_answer.hpp"
#include "api/http/problem_types.hpp"
#include "api/http/trace.hpp"
#include "api/http/transport.hpp"
#include "api/http/uri.hpp"
#include "events/errors.hpp"
#include "infra/ids.hpp"
#include "infra/log.hpp"

namespace jangbu::http {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds linger_timeout{1000};
constexpr std::size_t discard_bytes = mib;  // while lingering
constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";

Response unavailable() {
  Response response =
      problem(problems::unavailable, "Something this service depends on is down; try again later.");
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

Response malformed_target() {
  return problem(problems::malformed_target, "The path or query is not percent-encoded UTF-8.");
}

constexpr Refusal parsers_disagree = {problems::malformed_request, "The request is ambiguous."};
constexpr Refusal plain_http = {
    problems::malformed_request,
    "This port speaks HTTPS, and the request came without TLS: its URL begins with https://."};
constexpr Refusal misdirected = {
    problems::misdirected_request,
    "This server does not go by the name in Host. Its operator can add names with --allow-host."};
constexpr Refusal foreign_page = {
    problems::foreign_origin,
    "A page from another origin sent this, according to Origin or Sec-Fetch-Site. The server's "
    "operator can allow that origin with --cors-origin."};
constexpr Refusal encoded_body = {problems::unsupported_content_encoding,
                                  "Send the body as it is, without Content-Encoding."};
constexpr Refusal one_too_many = {problems::too_many_connections,
                                  "All connections of this service are in use; try again later."};
constexpr Refusal request_timeout = {problems::request_timeout,
                                     "The request did not arrive in time."};

// Turns an exception into the problem that the client gets; its text is only for the log.
template <class Action, class Answer>
void or_problem(Action action, Answer answer) {
  try {
    action();
  } catch (const Unavailable& away) {
    // Whatever watches that dependency tells the operator; a warning here would be a line per
    // request.
    log::debug("http: unavailable: {}", away.what());
    answer(unavailable());
  } catch (const std::exception& bug) {
    log::error("http: a handler failed: {}", bug.what());
    answer(internal_error());
  } catch (...) {
    log::error("http: a handler failed");
    answer(internal_error());
  }
}

// A response that cannot be serialised is a bug, like one that cannot be made.
std::string serialize(Response& response, WireForm form) {
  std::string bytes;
  or_problem([&] { bytes = to_wire(response, form); },
             [&](Response instead) {
               response = std::move(instead);
               bytes = to_wire(response, form);
             });
  return bytes;
}

// Different from that of any other worker, and of any earlier start.
std::string random_prefix() {
  constexpr std::string_view digits = "0123456789abcdef";
  std::array<std::uint8_t, 16> random;
  fill_random(random);
  std::string prefix;
  for (const std::uint8_t byte : random) prefix += digits[byte % 16];
  return prefix += '-';
}

std::shared_ptr<Connection> connection_of(const std::shared_ptr<Pistache::Tcp::Peer>& peer) {
  return std::static_pointer_cast<Connection>(peer);
}

std::string_view path_of(const Request& request) {
  return std::string_view(request.target).substr(0, request.target.find('?'));
}

// The capacity of the parser, which is fed one request line.
std::size_t parser_bytes(const Limits& limits) {
  return limits.target_bytes + 64;
}

// RFC 9110, 9.2.1
bool is_safe(Method method) {
  return method == Method::get || method == Method::head || method == Method::options;
}

// The field may occur more than once; "identity" means no encoding.
bool is_encoded(const Headers& headers) {
  for (std::size_t i = 0; i < headers.size(); ++i) {
    const auto& [name, value] = headers[i];
    if (equal_ignoring_case(name, "Content-Encoding") && !value.empty() &&
        !equal_ignoring_case(value, "identity"))
      return true;
  }
  return false;
}

// The numeric address at which a client reached us; nullopt if it is gone already.
std::optional<std::string> address_of(const Connection& connection) {
  sockaddr_storage local{};
  socklen_t size = sizeof local;
  char text[NI_MAXHOST];
  auto* address = reinterpret_cast<sockaddr*>(&local);
  if (::getsockname(connection.fd(), address, &size) != 0 ||
      ::getnameinfo(address, size, text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0)
    return std::nullopt;
  return text;
}

bool is_called_right(const Hosts& hosts, const Connection& connection, std::string_view host) {
  if (hosts.contains(host)) return true;
  const auto local = address_of(connection);
  return local && Hosts({*local}).contains(host);
}

// For a body that comes in small pieces: waiting uses up the time that the client has for the next
// piece, and only bytes at a fair rate win it back.
Clock::duration patience_after(const IncomingBody& body, std::size_t piece_bytes,
                               Clock::time_point now, const Limits& limits) {
  const Clock::duration left = body.deadline == never_expires ? body.patience : body.deadline - now;
  const milliseconds won(1000 * piece_bytes / limits.body_bytes_per_second);
  return std::min<Clock::duration>(limits.body_timeout, left + won);
}

}  // namespace

Protocol::Protocol(std::shared_ptr<ServerState> server)
    : server_(std::move(server)),
      parser_(parser_bytes(server_->limits)),
      id_prefix_(random_prefix()) {}

std::shared_ptr<Pistache::Tcp::Handler> Protocol::clone() const {
  return std::make_shared<Protocol>(server_);
}

Transport& Protocol::transport() {
  return static_cast<Transport&>(*Pistache::Tcp::Handler::transport());
}

void Protocol::onConnection(const std::shared_ptr<Pistache::Tcp::Peer>& peer) {
  const auto connection = connection_of(peer);
  const Limits& limits = server_->limits;
  connection->deadline =
      transport().now() + (connection->turned_away ? limits.header_timeout : limits.idle_timeout);
}

void Protocol::onInput(const char* bytes, std::size_t size,
                       const std::shared_ptr<Pistache::Tcp::Peer>& peer) {
  const auto connection = connection_of(peer);
  if (connection->phase == Phase::lingering) {
    connection->discarded += size;
    if (connection->discarded > discard_bytes) transport().drop(connection);
    return;
  }
  if (connection->idle()) connection->deadline = transport().now() + server_->limits.header_timeout;
  connection->input.append(bytes, size);
  if (connection->phase == Phase::receiving) {
    read_request(connection);
  } else if (connection->body) {
    // A client that is still sending may read afterwards: it is not idle.
    if (!connection->output.empty())
      connection->deadline = transport().now() + server_->limits.write_timeout;
    hand_over(connection);
  }
}

void Protocol::input_ended(const std::shared_ptr<Connection>& connection) {
  connection->input_ended = true;
  const auto& body = connection->body;
  const bool waits_for_input = connection->phase == Phase::receiving ||
                               connection->phase == Phase::lingering ||
                               (body && body->reader.needs_more_than(connection->input));
  if (waits_for_input) transport().close(connection);
}

// Enters the phase in which the next request may come; part of it may be here already.
void Protocol::await_request(const std::shared_ptr<Connection>& connection) {
  const Limits& limits = server_->limits;
  connection->phase = Phase::receiving;
  connection->deadline =
      transport().now() + (connection->idle() ? limits.idle_timeout : limits.header_timeout);
  read_request(connection);
}

void Protocol::read_request(const std::shared_ptr<Connection>& connection) {
  Connection& c = *connection;
  if (!c.announced && !c.input.empty()) {
    auto read = read_head(c.input, server_->limits);
    if (const auto* refusal = std::get_if<Refusal>(&read)) return refuse(connection, *refusal);
    if (auto* head = std::get_if<Head>(&read)) {
      announce(c, std::move(*head));
      if (const auto refusal = refused_at_head(c)) return refuse(connection, *refusal);
      const Route* route = c.announced->route;
      if (route && route->streams_body())
        return dispatch_streaming(connection, std::get<StreamingHandler>(route->handler));
    }
  }
  if (c.announced) {
    Announced& announced = *c.announced;
    if (const auto refusal = announced.body.read(c.input, announced.request.body))
      return refuse(connection, *refusal);
    if (announced.body.done()) return dispatch(connection);
  }

  // Something is missing.
  if (c.input_ended) return transport().drop(connection);
  if (c.idle() && server_->draining) return close_gently(connection);
  if (c.announced && std::exchange(c.announced->expects_100, false) && c.input.empty() &&
      c.announced->request.body.empty())
    transport().send(connection, std::string(go_on));
}

// Why a request is refused, whatever its body is.
std::optional<Refusal> Protocol::refused_at_head(const Connection& c) const {
  if (c.lacks_tls) return plain_http;
  if (c.turned_away) return one_too_many;
  const Announced& announced = *c.announced;
  const Headers& headers = announced.request.headers;
  const Router& router = server_->router;
  // HTTP/1.0 does not require Host; browsers stopped speaking it long ago.
  const auto host = headers.find("Host");
  if (host && !is_called_right(router.hosts(), c, *host)) return misdirected;
  const std::string_view authority = announced.authority;
  if (!authority.empty() && !is_called_right(router.hosts(), c, authority)) return misdirected;
  if (!is_safe(announced.request.method) && router.cors().is_foreign(headers, host.value_or("")))
    return foreign_page;
  if (!announced.body.done() && is_encoded(headers)) return encoded_body;
  if (!announced.body.fits()) return body_too_large;
  return {};
}

// Takes the head from the input, and prepares everything that does not need the body.
void Protocol::announce(Connection& c, Head&& head) {
  c.input.erase(0, head.size);
  c.deadline = transport().now() + server_->limits.body_timeout;
  begin_serving(c, head.headers);
  c.serving.method = head.method;
  Announced& announced = c.announced.emplace();
  announced.authority = std::move(head.authority);
  announced.expects_100 = head.expects_100;
  announced.form = {.without_body = head.method == Method::head,
                    .http_1_0 = head.http_1_0,
                    .keep_alive = head.keep_alive,
                    .cors_fields = server_->router.cors().fields_for(head.headers.find("Origin")),
                    .request_id = c.serving.id};
  Request& request = announced.request;
  request.peer = c.remote;
  request.method = head.method;
  request.target = std::move(head.target);
  request.headers = std::move(head.headers);

  read_target(announced);
  const Limits& limits = server_->limits;
  const bool streams = announced.route && announced.route->streams_body();
  announced.body =
      BodyReader(head, streams ? limits.streamed_body_bytes : limits.body_bytes, limits);
  c.serving.route = announced.route;
}

// Path, query and route.
void Protocol::read_target(Announced& announced) const {
  Request& request = announced.request;
  const std::string_view target = request.target;
  const std::string_view path = path_of(request);
  auto segments = target == "*" ? std::vector<std::string>() : path_segments(path);
  auto query = query_pairs(target.substr(std::min(path.size() + 1, target.size())));
  announced.target_is_valid = segments && query;
  if (!announced.target_is_valid) return;
  request.segments = std::move(*segments);
  request.query = std::move(*query);
  announced.route = server_->router.find(request);
}

// IMF-fixdate (RFC 9110, 5.6.7), formatted once a second.
std::string_view Protocol::date() {
  const std::time_t now = std::time(nullptr);
  if (std::exchange(date_second_, now) != now) {
    std::tm utc{};
    ::gmtime_r(&now, &utc);
    char text[sizeof "Sun, 06 Nov 1994 08:49:37 GMT"];
    date_.assign(text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &utc));
  }
  return date_;
}

void Protocol::begin_serving(Connection& c, const Headers& headers) {
  Serving& serving = c.serving;
  serving.open = true;
  serving.method.reset();
  serving.route = nullptr;
  serving.began = transport().now();
  serving.status = 0;
  serving.bytes = 0;
  const auto id = headers.find("X-Request-Id");
  if (id && is_request_id(*id))
    serving.id = *id;
  else
    serving.id.assign(id_prefix_).append(std::to_string(++ids_made_));
  serving.asker.clear();
  serving.denied = {};
  serving.forwarded = false;
  if (!server_->on_access) return;
  serving.replayed = false;
  const auto trace = headers.find("traceparent");
  serving.traceparent = trace ? parse_traceparent(*trace).value_or("") : "";
}

void Protocol::begin_answer(Connection& c, const Response& response) {
  Serving& serving = c.serving;
  serving.status = response.status;
  server_->traffic.count(serving.route, response.status, Clock::now() - serving.began);
  if (server_->on_access)
    serving.replayed = std::ranges::any_of(
        response.headers, [](const auto& field) { return field.first == "Idempotent-Replayed"; });
}

void Protocol::end_answer(Connection& c, bool complete) {
  Serving& serving = c.serving;
  if (!std::exchange(serving.open, false)) return;
  if (!complete) server_->traffic.count_abandoned();
  if (!server_->on_access) return;
  server_->on_access({.method = serving.method,
                      .route = serving.route,
                      .status = serving.status,
                      .bytes = serving.bytes,
                      .duration = Clock::now() - serving.began,
                      .request_id = serving.id,
                      .traceparent = serving.traceparent,
                      .asker = serving.asker,
                      .denied = serving.denied,
                      .forwarded = serving.forwarded,
                      .replayed = serving.replayed,
                      .complete = complete});
}

void Protocol::dispatch(const std::shared_ptr<Connection>& connection) {
  Connection& c = *connection;
  Announced announced = std::move(*c.announced);
  c.announced.reset();
  c.form = announced.form;
  Request& request = announced.request;
  if (!parse(request.method, path_of(request))) return refuse(connection, parsers_disagree);
  c.phase = Phase::answering;
  c.deadline = never_expires;

  const Exchange exchange(std::make_shared<PendingAnswer>(transport().mailbox(), connection, c.form,
                                                          server_->limits.stream_backlog_bytes));
  if (!announced.target_is_valid) return exchange.respond(malformed_target());
  if (!announced.route) return exchange.respond(server_->router.without_route(request));
  or_problem(
      [&] { std::get<http::Handler>(announced.route->handler)(std::move(request), exchange); },
      [&](Response response) { exchange.respond(std::move(response)); });
}

// The handler gets the request as soon as its head is here; the body stays on the connection until
// the handler asks for it.
void Protocol::dispatch_streaming(const std::shared_ptr<Connection>& connection,
                                  const StreamingHandler& handler) {
  Connection& c = *connection;
  Announced announced = std::move(*c.announced);
  c.announced.reset();
  c.form = announced.form;
  if (!parse(announced.request.method, path_of(announced.request)))
    return refuse(connection, parsers_disagree);
  c.phase = Phase::answering;
  c.deadline = never_expires;

  const auto answer = std::make_shared<PendingAnswer>(transport().mailbox(), connection, c.form,
                                                      server_->limits.stream_backlog_bytes);
  c.body = std::make_shared<IncomingBody>();
  c.body->reader = announced.body;
  c.body->expects_100 = announced.expects_100;
  c.body->patience = server_->limits.body_timeout;
  c.body->answer = answer;
  const Exchange exchange(answer);
  or_problem([&] { handler(std::move(announced.request), BodyStream(answer, c.body), exchange); },
             [&](Response response) { exchange.respond(std::move(response)); });
}

// Hands the next piece of the body, if there is one, to the callback that waits for it, if any.
void Protocol::hand_over(const std::shared_ptr<Connection>& connection) {
  Connection& c = *connection;
  IncomingBody& body = *c.body;
  if (!body.next) return;
  BodyPiece piece;
  if (const auto refusal = body.reader.read(c.input, piece.bytes)) {
    // What follows means nothing, so nobody may ask for more of it.
    body.deadline = never_expires;
    const auto next = std::exchange(body.next, nullptr);
    if (const auto answer = body.answer.lock())
      answer->give_up(problem(refusal->type, refusal->detail));
    return or_problem([&] { next({}); }, [](const Response&) {});
  }
  if (!piece.bytes.empty()) {
    piece.kind = BodyPiece::Kind::bytes;
    body.patience = patience_after(body, piece.bytes.size(), transport().now(), server_->limits);
  } else if (body.reader.done()) {
    piece.kind = BodyPiece::Kind::end;
  } else if (c.input_ended) {
    return transport().drop(connection);
  } else {
    if (body.deadline == never_expires) body.deadline = transport().now() + body.patience;
    if (std::exchange(body.expects_100, false) && c.phase == Phase::answering && c.input.empty())
      transport().send(connection, std::string(go_on));
    return;
  }
  body.deadline = never_expires;
  or_problem([&] { std::exchange(body.next, nullptr)(std::move(piece)); },
             [&](const Response&) { transport().drop(connection); });
}

// The answer is complete or will never be, so nobody takes what is left of the body. The next
// request would come after it, so the connection cannot be kept unless nothing is left.
void Protocol::end_body(const std::shared_ptr<Connection>& connection) {
  const auto body = std::exchange(connection->body, nullptr);
  if (!body) return;
  if (!body->reader.done()) connection->form.keep_alive = false;
  if (body->next)
    transport().mailbox()->post({connection, BodyWanted{body, std::exchange(body->next, nullptr)}});
}

// The second opinion: Pistache's parser, fed a request line with the method and path that the
// framing read, must read the same. Requests are smuggled where two parsers disagree. It is not
// shown the header fields, because its typed parsers throw on valid ones such as "Cookie: a" or
// "Cache-Control: immutable", nor the query, whose order and repetitions it does not keep. The
// length of the body is settled by the framing alone, which is the stricter of the two.
bool Protocol::parse(Method method, std::string_view path) {
  line_.assign(to_string(method)).append(" ").append(path).append(" HTTP/1.1\r\n\r\n");
  parser_.reset();
  try {
    return parser_.feed(line_.data(), line_.size()) &&
           parser_.parse() == Pistache::Http::Private::State::Done &&
           Pistache::Http::methodString(parser_.request.method()) == to_string(method) &&
           parser_.request.resource() == path;
  } catch (const std::exception&) {
    return false;
  }
}

void Protocol::refuse(const std::shared_ptr<Connection>& connection, const Refusal& refusal) {
  if (!connection->serving.open) begin_serving(*connection, {});
  WireForm& form = connection->form;
  form = connection->announced ? connection->announced->form
                               : WireForm{.request_id = connection->serving.id};
  form.keep_alive = false;
  form.date = date();
  Response response = problem(refusal.type, refusal.detail);
  if (response.status == 415) response.headers.emplace_back("Accept-Encoding", "identity");
  if (response.status == 503) response.headers.emplace_back("Retry-After", "1");
  begin_answer(*connection, response);
  send_last(connection, to_wire(response, form));
}

// Sends the end of an answer, or all of it.
void Protocol::send_last(const std::shared_ptr<Connection>& connection, std::string bytes) {
  connection->phase = Phase::sending;
  connection->deadline = transport().now() + server_->limits.write_timeout;
  connection->serving.bytes += bytes.size();
  end_answer(*connection, true);
  transport().send(connection, std::move(bytes));
}

template <class Bytes>
void Protocol::send_piece(const std::shared_ptr<Connection>& connection, Bytes bytes) {
  // The clock runs from the first byte that has to wait; more bytes do not turn it back.
  if (connection->output.empty())
    connection->deadline = transport().now() + server_->limits.write_timeout;
  connection->serving.bytes += bytes.size();
  transport().send(connection, std::move(bytes));
  connection->unread_bytes = connection->unsent();  // even if none of it was sent
}

void Protocol::output_moved(const std::shared_ptr<Connection>& connection, std::size_t bytes) {
  const Limits& limits = server_->limits;
  const Clock::time_point now = transport().now();
  const bool done = connection->output.empty();
  connection->unread_bytes = connection->unsent();
  if (connection->phase == Phase::sending && done) {
    if (connection->form.keep_alive)
      await_request(connection);
    else
      close_gently(connection);
  } else if (connection->phase == Phase::sending) {
    // A client that takes a byte now and then would keep the whole answer here, so waiting uses up
    // the time it has, and only bytes at a fair rate win it back.
    const milliseconds won(1000 * bytes / limits.answer_bytes_per_second);
    connection->deadline = std::min(now + limits.write_timeout, connection->deadline + won);
  } else if (connection->phase == Phase::streaming) {
    connection->deadline = done ? never_expires : now + limits.write_timeout;
  }
}

// Closing while the client is still sending would make the kernel reset the connection, and discard
// an answer that the client has not read yet. So only our side is closed, and the rest of the input
// is awaited.
void Protocol::close_gently(const std::shared_ptr<Connection>& connection) {
  if (connection->input_ended) return transport().drop(connection);
  connection->phase = Phase::lingering;
  connection->deadline = transport().now() + linger_timeout;
  connection->input.clear();
  transport().end_output(connection);
}

void Protocol::expired(const std::shared_ptr<Connection>& connection) {
  if (const auto& body = connection->body; body && transport().now() > body->deadline) {
    body->deadline = never_expires;
    if (const auto answer = body->answer.lock())
      answer->give_up(problem(request_timeout.type, request_timeout.detail));
  } else if (connection->phase == Phase::receiving && !connection->idle())
    refuse(connection, request_timeout);
  else if (connection->idle())
    transport().close(connection);
  else
    transport().drop(connection);
}

void Protocol::close_if_idle(const std::shared_ptr<Connection>& connection) {
  if (connection->idle()) close_gently(connection);
}

void Protocol::deliver(Mail&& mail) {
  const std::shared_ptr<Connection> connection = std::move(mail.to);
  if (server_->draining) connection->form.keep_alive = false;
  connection->form.date = date();
  std::visit([&](auto& what) { carry_out(connection, what); }, mail.what);
}

void Protocol::dropped(const std::shared_ptr<Connection>& connection) {
  end_answer(*connection, false);
  end_body(connection);
}

void Protocol::undeliverable(Mail&& mail) {
  if (auto* wanted = std::get_if<BodyWanted>(&mail.what))
    or_problem([&] { wanted->next({}); }, [](const Response&) {});
}

void Protocol::carry_out(const std::shared_ptr<Connection>& connection, Response& response) {
  end_body(connection);
  std::string bytes = serialize(response, connection->form);
  begin_answer(*connection, response);
  send_last(connection, std::move(bytes));
}

void Protocol::carry_out(const std::shared_ptr<Connection>& connection,
                         std::function<Response()>& build) {
  Response response;
  or_problem([&] { response = build(); }, [&](Response instead) { response = std::move(instead); });
  carry_out(connection, response);
}

void Protocol::carry_out(const std::shared_ptr<Connection>& connection, StreamStart& start) {
  if (connection->form.http_1_0) connection->form.keep_alive = false;
  connection->phase = Phase::streaming;
  connection->stream_backlog_bytes = start.backlog_bytes;
  begin_answer(*connection, start.head);
  send_piece(connection, stream_head_to_wire(start.head, connection->form));
}

template <class Bytes>
void Protocol::carry_out_piece(const std::shared_ptr<Connection>& connection, Bytes bytes,
                               std::size_t size) {
  connection->posted_bytes -= size;
  if (connection->unsent() + size > connection->stream_backlog_bytes)
    transport().drop(connection);
  else
    send_piece(connection, std::move(bytes));
}

void Protocol::carry_out(const std::shared_ptr<Connection>& connection, StreamBytes& piece) {
  const std::size_t size = piece.bytes.size();
  carry_out_piece(connection, std::move(piece.bytes), size);
}

void Protocol::carry_out(const std::shared_ptr<Connection>& connection, SharedBytes& shared) {
  const std::string_view bytes = shared.piece.wire(connection->form.http_1_0);
  carry_out_piece(connection, bytes, bytes.size());
}

void Protocol::carry_out(const std::shared_ptr<Connection>& connection, StreamEnd&) {
  end_body(connection);
  send_last(connection, std::string(last_chunk(connection->form)));
}

void Protocol::carry_out(const std::shared_ptr<Connection>& connection, CutOff&) {
  transport().drop(connection);
}

void Protocol::carry_out(const std::shared_ptr<Connection>& connection, BodyWanted& wanted) {
  if (connection->body != wanted.body)
    return or_problem([&] { wanted.next({}); }, [](const Response&) {});
  if (wanted.body->next) throw std::logic_error("a body's piece is asked for before the last came");
  wanted.body->next = std::move(wanted.next);
  hand_over(connection);
}

}  // namespace jangbu::http
