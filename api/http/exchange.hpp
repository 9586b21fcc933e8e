// The right to answer one request, held by whoever works on it.
//
// Threads: an Exchange is a cheap handle that may be copied and moved to any thread; all members
// may be called from any thread. The answer travels through the mailbox of the worker that owns the
// connection, and is dropped when that connection is gone: it can never reach another client.
//
// Exactly one answer counts; later ones are ignored. When the last handle goes away and nothing was
// answered, which is a bug, the client gets a 500 instead of waiting for ever.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "api/http/message.hpp"
#include "api/http/stream_piece.hpp"

namespace jangbu::http {

class PendingAnswer;  // pending_answer.hpp; the worker's side of it

class Exchange {
 public:
  explicit Exchange(std::shared_ptr<PendingAnswer> answer);

  void respond(Response response) const;

  // `build` runs on the worker thread that owns the connection, so that whoever knows the answer
  // (the writer) need not pay for putting it into words. If it throws, the client gets a 500.
  void respond_with(std::function<Response()> build) const;
  // Likewise, but built on this thread, since that takes longer than a worker should.
  void respond_from_here(const std::function<Response()>& build) const;

  // An answer in pieces whose length is not known beforehand: server-sent events, NDJSON. The
  // head's body is the first piece. The pieces of one answer come from one thread at a time.
  // A client that leaves more than `backlog_bytes` unread is cut off; 0 stands for
  // Limits::stream_backlog_bytes.
  void stream_start(Response head, std::size_t backlog_bytes = 0) const;

  // False when the bytes will not arrive: the client has gone, was cut off, or asked with HEAD. The
  // producer then stops.
  bool stream_write(std::string bytes) const;
  bool stream_write(const StreamPiece& piece) const;

  // What was written and is still here, in bytes. `unread` is not exact while the client reads.
  struct Backlog {
    std::size_t posted;  // on its way to the worker: the server's own doing
    std::size_t unread;  // the client's socket has no room for it
  };
  Backlog stream_backlog() const;

  // The client asked with HEAD: of what is answered it gets the head alone.
  bool head_only() const;

  // Nothing that is written will arrive any more.
  bool client_gone() const;

  // The client has gone, or has closed its side, which is all that can be seen of most that go: who
  // sends no more may still read, but seldom does. Whoever works for long on an answer ends early
  // with what there is.
  bool client_left() const;

  void stream_end() const;

 private:
  std::shared_ptr<PendingAnswer> answer_;
};

}  // namespace jangbu::http
