// Where the answer to a request goes: to a client on a connection (PendingAnswer), or to another
// instance that forwarded the request (api/cluster).
//
// Threads: any, see Exchange, through which handlers use it.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "api/http/message.hpp"
#include "api/http/stream_piece.hpp"

namespace jangbu::http {

// Bytes of a streamed answer that were written and are still here.
struct StreamBacklog {
  std::size_t posted;  // on the way to the worker: the server's own delay
  std::size_t unread;  // the client's socket has no room for them; not exact while it reads
};

class Answering {
 public:
  virtual ~Answering() = default;

  virtual void respond(Response response) = 0;
  virtual void respond_with(std::function<Response()> build) = 0;
  virtual bool head_only() const = 0;
  virtual bool client_gone() const = 0;
  virtual bool client_left() const = 0;
  virtual void stream_start(Response head, std::size_t backlog_bytes) = 0;
  virtual bool stream_write(std::string bytes) = 0;
  virtual bool stream_write(const StreamPiece& piece) = 0;
  virtual StreamBacklog stream_backlog() const = 0;
  virtual void stream_end() = 0;
  virtual void note_asker(std::string_view who, std::string_view denied) = 0;
  virtual void note_forwarded() = 0;
};

}  // namespace jangbu::http
