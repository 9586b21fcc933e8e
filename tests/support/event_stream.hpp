// A client of server-sent events, on a plain socket, that reads only when it is told to.
//
// Threads: one at a time. Errors: std::runtime_error when what should come has not come in time.
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

  // Asks, and reads the head of the answer.
  EventStream(int port, std::string_view target, std::string_view last_event_id = {});
  ~EventStream();
  EventStream(const EventStream&) = delete;
  EventStream& operator=(const EventStream&) = delete;

  int status() const { return status_; }
  const std::string& head() const { return head_; }
  std::string body();  // of an answer that is no stream

  // The next event. Nothing when the stream has ended; then clean_end() tells how.
  std::optional<Event> next();
  bool clean_end() const { return clean_end_; }
  // Reads heartbeats alone until there is one.
  void await_heartbeat();

  // As browsers keep it: what to come back with.
  const std::string& last_event_id() const { return last_event_id_; }

 private:
  explicit EventStream(int descriptor) : descriptor_(descriptor) {}  // is to be closed

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
