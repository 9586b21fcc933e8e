// A request's body in pieces, for a handler that takes it only as fast as it can use it. Apart from
// one receive buffer, nothing is read from the client before the handler asks for it.
//
// Threads: a cheap handle that may be copied and moved to any thread. read() may be called from any
// thread, one piece at a time. Each piece is handed over on the worker that owns the connection,
// which must not be blocked.
#pragma once

#include <functional>
#include <memory>
#include <string>

namespace jangbu::http {

class PendingAnswer;
struct IncomingBody;

struct BodyPiece {
  enum class Kind {
    bytes,  // at least one
    end,    // the whole body has been handed over
    lost,   // no more will come: the client is gone or was too slow, or the answer is complete
  };
  Kind kind = Kind::lost;
  std::string bytes = {};
};

class BodyStream {
 public:
  using Next = std::function<void(BodyPiece)>;

  BodyStream(std::shared_ptr<PendingAnswer> answer, std::shared_ptr<IncomingBody> body);

  // Asks for the next piece. `next` is called with it once, unless the server itself shuts down,
  // which destroys `next` without calling it. A client that is waiting for "100 Continue" is told
  // to go on.
  // REQUIRES: the previous piece asked for has been handed over.
  void read(Next next) const;

 private:
  std::shared_ptr<PendingAnswer> answer_;
  std::shared_ptr<IncomingBody> body_;
};

}  // namespace jangbu::http
