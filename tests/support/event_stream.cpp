#include "tests/support/event_stream.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace jangbu::test {

namespace {

constexpr int patience_ms = 60'000;

}  // namespace

// The other constructor comes first, so that the socket is closed when something here throws.
EventStream::EventStream(int port, std::string_view target, std::string_view last_event_id,
                         std::string_view fields)
    : EventStream(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    throw std::system_error(errno, std::generic_category(), "connect");
  std::string request = "GET " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n";
  if (!last_event_id.empty())
    request.append("Last-Event-ID: ").append(last_event_id).append("\r\n");
  request.append(fields).append("\r\n");
  if (::send(descriptor_, request.data(), request.size(), MSG_NOSIGNAL) < 0)
    throw std::system_error(errno, std::generic_category(), "send");
  std::size_t end;
  while ((end = input_.find("\r\n\r\n")) == input_.npos)
    if (!receive()) throw std::runtime_error("no head: " + input_);
  head_ = input_.substr(0, end + 4);
  input_.erase(0, end + 4);
  status_ = std::stoi(head_.substr(head_.find(' ') + 1, 3));
}

EventStream::~EventStream() {
  ::close(descriptor_);
}

bool EventStream::receive() {
  pollfd watched{descriptor_, POLLIN, 0};
  if (::poll(&watched, 1, patience_ms) == 0) throw std::runtime_error("nothing comes");
  char bytes[65536];
  const ssize_t size = ::recv(descriptor_, bytes, sizeof bytes, 0);
  if (size > 0) input_.append(bytes, static_cast<std::size_t>(size));
  return size > 0;  // a reset is an end, too
}

std::string EventStream::body() {
  const std::string field = "Content-Length: ";
  const std::size_t size = std::stoul(head_.substr(head_.find(field) + field.size()));
  while (input_.size() < size)
    if (!receive()) break;
  return input_;
}

bool EventStream::next_chunk() {
  std::size_t line_end;
  while ((line_end = input_.find("\r\n")) == input_.npos)
    if (!receive()) return false;
  const std::size_t size = std::stoul(input_.substr(0, line_end), nullptr, 16);
  const std::size_t whole = line_end + 2 + size + 2;
  while (input_.size() < whole)
    if (!receive()) return false;
  text_.append(input_, line_end + 2, size);
  input_.erase(0, whole);
  clean_end_ = size == 0;
  return !clean_end_;
}

bool EventStream::take_line(std::string& line) {
  std::size_t end;
  while ((end = text_.find('\n', taken_)) == text_.npos) {
    text_.erase(0, std::exchange(taken_, 0));
    if (!next_chunk()) return false;
  }
  line = text_.substr(taken_, end - taken_);
  taken_ = end + 1;
  return true;
}

std::optional<EventStream::Event> EventStream::next() {
  Event event{.id = last_event_id_, .type = "message", .data = {}};
  std::string data;
  for (std::string line; take_line(line);) {
    if (line.empty()) {
      last_event_id_ = event.id;
      if (data.empty()) continue;
      event.data = nlohmann::json::parse(data);
      return event;
    }
    const std::string field = line.substr(0, line.find(": "));
    const std::string value = line.size() > field.size() ? line.substr(field.size() + 2) : "";
    if (field == "id")
      event.id = value;
    else if (field == "event")
      event.type = value;
    else if (field == "data")
      data += value;
  }
  return std::nullopt;
}

void EventStream::await_heartbeat() {
  const std::string id = "id: ";
  for (std::string line; take_line(line);) {
    if (line.starts_with(id)) last_event_id_ = line.substr(id.size());
    if (line.starts_with(':')) return;
  }
  throw std::runtime_error("the stream ended without a heartbeat");
}

}  // namespace jangbu::test
