// What other threads send to a worker: answers, on their way to the connections they belong to.
//
// Threads: post(), wake() and close() from any thread; the rest only from the worker.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

#include "api/http/body_stream.hpp"
#include "api/http/message.hpp"
#include "api/http/stream_piece.hpp"
#include "infra/descriptor.hpp"

namespace jangbu::http {

class Connection;

struct StreamStart {
  Response head;
  std::size_t backlog_bytes;
};
struct StreamBytes {
  std::string bytes;  // as they go onto the wire
};
struct SharedBytes {
  StreamPiece piece;
};
struct StreamEnd {};
struct CutOff {};  // drop the connection without sending another byte
struct BodyWanted {
  std::shared_ptr<IncomingBody> body;
  BodyStream::Next next;
};

// Mail names its connection by identity, never by descriptor, whose number the next client may get.
struct Mail {
  std::shared_ptr<Connection> to;
  std::variant<Response, std::function<Response()>, StreamStart, StreamBytes, SharedBytes,
               StreamEnd, CutOff, BodyWanted>
      what;
};

class Mailbox {
 public:
  Mailbox();

  void post(Mail mail);

  // Makes the worker run once.
  void wake();

  // From now on, mail is discarded.
  void close();

  // The eventfd that the worker sleeps on. It is watched edge-triggered, so it never needs to be
  // read.
  int descriptor() const { return descriptor_.number(); }

  // Notes that the worker is running: until it has collected everything, posts need not wake it. A
  // burst thus costs at most one system call, and none if the worker is busy anyway.
  void worker_runs();

  // Moves all mail to `mail`, which must be empty. False if there was none: the worker may then go
  // to sleep, and the next post wakes it.
  bool collect(std::vector<Mail>& mail);

 private:
  const Descriptor descriptor_;
  std::mutex mutex_;
  std::vector<Mail> mail_;
  bool worker_runs_ = false;
  bool closed_ = false;
};

}  // namespace jangbu::http
