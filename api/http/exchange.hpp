// The right to answer one request, held by whoever works on it.
//
// Threads: an Exchange is a cheap handle that may be copied and moved to any thread; all members
// may be called from any thread. The answer travels through the mailbox of the worker that owns the
// connection, and is dropped if that connection is gone: it can never reach another client.
//
// Exactly one answer counts; later ones are ignored. If the last handle goes away without an
// answer, which is a bug, the client gets a 500 instead of waiting for ever.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "api/http/answering.hpp"
#include "api/http/message.hpp"
#include "api/http/stream_piece.hpp"

namespace jangbu::http {

class Exchange {
 public:
  explicit Exchange(std::shared_ptr<Answering> answer);

  void respond(Response response) const;

  // `build` runs on the worker thread that owns the connection, so that the thread that knows the
  // answer (the writer) does not pay for serialising it. If it throws, the client gets a 503 for
  // Unavailable and a 500 for anything else.
  void respond_with(std::function<Response()> build) const;
  // Likewise, but `build` runs on this thread, for answers that would keep a worker too long, and
  // every std::exception is a 500.
  void respond_from_here(const std::function<Response()>& build) const;

  // An answer of unknown length, sent in pieces: server-sent events, NDJSON. The body of `head` is
  // the first piece. The pieces of one answer must come from one thread at a time. A client that
  // leaves more than `backlog_bytes` unread is cut off; 0 stands for Limits::stream_backlog_bytes.
  void stream_start(Response head, std::size_t backlog_bytes = 0) const;

  // False if the bytes will not arrive: the client is gone, was cut off, or asked with HEAD. The
  // producer should then stop.
  bool stream_write(std::string bytes) const;
  bool stream_write(const StreamPiece& piece) const;

  StreamBacklog stream_backlog() const;

  // The client asked with HEAD and gets only the head of the answer.
  bool head_only() const;

  // Nothing written from now on will arrive.
  bool client_gone() const;

  // The client is gone or has closed its side, which is usually all that can be seen of a client
  // leaving: one that sends no more may still read, but seldom does. Long work on an answer should
  // end early with what it has.
  bool client_left() const;

  void stream_end() const;

  // For the access log: who asks, and why they are turned away (a literal; empty: they are not).
  // REQUIRES: called by the handler itself, on its worker.
  void note_asker(std::string_view who, std::string_view denied) const;
  // Likewise: another instance is asked for the answer.
  void note_forwarded() const;

 private:
  std::shared_ptr<Answering> answer_;
};

}  // namespace jangbu::http
