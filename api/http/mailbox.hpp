// What other threads have to say to a worker: answers, on their way to the connection they belong
// to.
//
// Threads: post(), wake() and close() from any thread; the rest from the worker alone.
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
struct CutOff {};  // the client is to be let go without another byte
struct BodyWanted {
  std::shared_ptr<IncomingBody> body;
  BodyStream::Next next;
};

// Mail names its connection by identity, never by a descriptor, whose number the next client gets.
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

  // From now on mail is thrown away.
  void close();

  // The eventfd that a worker sleeps on. Watched edge-triggered it need never be read.
  int descriptor() const { return descriptor_.number(); }

  // The worker runs: until it has collected everything, posts need not wake it. So a burst costs
  // one system call at most, and none when the worker is busy anyway.
  void worker_runs();

  // Moves all mail to `mail`, which must be empty. False when there was none: then the worker may
  // go to sleep, and the next post wakes it.
  bool collect(std::vector<Mail>& mail);

 private:
  const Descriptor descriptor_;
  std::mutex mutex_;
  std::vector<Mail> mail_;
  bool worker_runs_ = false;
  bool closed_ = false;
};

}  // namespace jangbu::http
