#include "tests/support/http_client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace jangbu::test {

namespace {

constexpr int patience_ms = 60'000;

void wait_for(int descriptor, short events) {
  pollfd watched{descriptor, events, 0};
  const int ready = ::poll(&watched, 1, patience_ms);
  if (ready == 0) throw std::runtime_error("the server has not answered within 60 s");
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

}  // namespace

std::string Reply::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? std::string() : found->second;
}

std::string Reply::code() const {
  return json.is_object() ? json.value("code", std::string()) : std::string();
}

std::uint64_t Reply::position() const {
  if (!has("event-position")) throw std::runtime_error("no Event-Position: " + body);
  return std::stoull(header("event-position"));
}

Reply HttpClient::send_json(std::string_view method, std::string_view target, const Json& body,
                            Fields fields) {
  fields.emplace_back("Content-Type", "application/json");
  return send(method, target, body.dump(), fields);
}

Reply HttpClient::send(std::string_view method, std::string_view target, std::string_view body,
                       const Fields& fields) {
  std::string request(method);
  request.append(" ").append(target).append(" HTTP/1.1\r\nHost: localhost\r\n");
  for (const auto& [name, value] : fields)
    request.append(name).append(": ").append(value).append("\r\n");
  if (!body.empty() || method == "POST" || method == "PUT" || method == "PATCH")
    request.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
  request.append("\r\n").append(body);

  connect();
  try {
    write(request);
    Reply reply = read(method == "HEAD");
    if (lower(reply.header("connection")) == "close") disconnect();
    if (document_) document_->check(method, target, {reply.status, reply.headers, reply.body});
    return reply;
  } catch (...) {
    disconnect();
    throw;
  }
}

// The server may have ended a connection that was kept: then there is something to read, its end.
void HttpClient::connect() {
  if (descriptor_ >= 0) {
    pollfd watched{descriptor_, POLLIN, 0};
    if (::poll(&watched, 1, 0) == 0) return;
    disconnect();
  }
  descriptor_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor_ < 0) throw std::system_error(errno, std::generic_category(), "socket");
  constexpr int on = 1;
  ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port_));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0)
    return shake_hands();
  const std::string why = std::strerror(errno);
  disconnect();
  throw NoReply(NoReply::How::refused, "port " + std::to_string(port_) + ": " + why);
}

void HttpClient::shake_hands() {
  if (!tls_options_) return;
  tls_.emplace(*tls_options_);
  for (bool done = false; !done;) {
    done = tls_->shake_hands();
    write_raw(tls_->outgoing());
    std::string nothing_yet;
    if (!done) receive(nothing_yet);
  }
}

void HttpClient::disconnect() {
  tls_.reset();
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  answered_ = false;
}

// A connection that the kernel took for the server, which then ended before it took it itself, is
// reset.
void HttpClient::fail() const {
  throw NoReply(answered_ ? NoReply::How::broken : NoReply::How::refused, std::strerror(errno));
}

void HttpClient::write(std::string_view bytes) {
  if (!tls_) return write_raw(bytes);
  tls_->write(bytes);
  write_raw(tls_->outgoing());
}

void HttpClient::write_raw(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t size = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (size < 0) fail();
    bytes.remove_prefix(static_cast<std::size_t>(size));
  }
}

void HttpClient::receive(std::string& input) {
  wait_for(descriptor_, POLLIN);
  char bytes[16 * 1024];
  const ssize_t size = ::recv(descriptor_, bytes, sizeof bytes, 0);
  if (size < 0) fail();
  if (size == 0)
    throw NoReply(input.empty() ? NoReply::How::closed : NoReply::How::broken,
                  "the connection ended after '" + input + "'");
  const std::string_view received(bytes, static_cast<std::size_t>(size));
  if (tls_) {
    tls_->incoming(received);
    input += tls_->read();
  } else {
    input += received;
  }
  answered_ = true;
}

Reply HttpClient::read(bool without_body) {
  std::string input;
  std::size_t head_size;
  while ((head_size = input.find("\r\n\r\n")) == std::string::npos) receive(input);
  const std::string_view head = std::string_view(input).substr(0, head_size + 2);

  Reply reply;
  reply.status = std::stoi(std::string(head.substr(head.find(' ') + 1, 3)));
  for (std::size_t at = head.find("\r\n") + 2; at < head.size();) {
    const std::size_t end = head.find("\r\n", at);
    const std::size_t colon = head.find(": ", at);
    const std::string value(head.substr(colon + 2, end - colon - 2));
    const auto [field, is_new] = reply.headers.emplace(lower(head.substr(at, colon - at)), value);
    if (!is_new) field->second += ", " + value;  // RFC 9110, section 5.3
    at = end + 2;
  }
  const std::size_t body_at = head_size + 4;
  const std::size_t body_size =
      without_body || !reply.has("content-length") ? 0 : std::stoul(reply.header("content-length"));
  while (input.size() < body_at + body_size) receive(input);
  if (input.size() > body_at + body_size)
    throw std::runtime_error("more than one answer to one request: " + input);
  reply.body = input.substr(body_at);
  if (reply.header("content-type").find("json") != std::string::npos && !reply.body.empty())
    reply.json = Json::parse(reply.body);
  return reply;
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80 && (std::isalnum(byte) || c == '-' || c == '.' || c == '_' || c == '~')) {
      encoded += c;
    } else {
      encoded += '%';
      encoded += digits[byte >> 4];
      encoded += digits[byte & 15];
    }
  }
  return encoded;
}

}  // namespace jangbu::test
