// A client for server-sent events, on a plain socket, that reads only when told to.
//
// Threads: one at a time. Errors: std::runtime_error when something expected does not come in time.
#pragma once

#include <chrono>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace jangbu::test {

class EventStream {
 public:
  struct Event {
    std::string id;
    std::string type;
    nlohmann::json data;
  };

  // Sends the request and reads the head of the answer. `fields`: more of the request's header,
  // each with its line's end.
  EventStream(int port, std::string_view target, std::string_view last_event_id = {},
              std::string_view fields = {});
  ~EventStream();
  EventStream(const EventStream&) = delete;
  EventStream& operator=(const EventStream&) = delete;

  int status() const { return status_; }
  const std::string& head() const { return head_; }
  std::string body();  // of an answer that is not a stream

  // The next event; empty when the stream has ended, and then clean_end() tells how.
  std::optional<Event> next();
  bool clean_end() const { return clean_end_; }
  // Reads until the next heartbeat and discards the events before it.
  void await_heartbeat();

  // The id to reconnect with, maintained as in browsers.
  const std::string& last_event_id() const { return last_event_id_; }

 private:
  explicit EventStream(int descriptor) : descriptor_(descriptor) {}  // takes ownership

  bool receive();     // false at the end of the connection
  bool next_chunk();  // false at the end of the stream
  bool take_line(std::string& line);

  int descriptor_ = -1;
  int status_ = 0;
  std::string head_;
  std::string input_;      // from the socket
  std::string text_;       // of the stream
  std::size_t taken_ = 0;  // of text_, in lines
  std::string last_event_id_;
  bool clean_end_ = false;
};

}  // namespace jangbu::test
