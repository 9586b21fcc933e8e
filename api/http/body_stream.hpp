// A request's body in pieces, for a handler that takes it only as fast as it can use it: what is
// not asked for is not read from the client either, but for one receive buffer.
//
// Threads: a cheap handle that may be copied and moved to any thread; read() from any thread, one
// piece at a time. The piece is handed over on the worker that owns the connection, which must not
// be kept waiting.
#pragma once

#include <functional>
#include <memory>
#include <string>

namespace jangbu::http {

class PendingAnswer;
struct IncomingBody;

struct BodyPiece {
  enum class Kind {
    bytes,  // some, at least one
    end,    // the whole body was handed over
    lost,   // no more will come: the client has gone or was too slow, or the answer was completed
  };
  Kind kind = Kind::lost;
  std::string bytes = {};
};

class BodyStream {
 public:
  using Next = std::function<void(BodyPiece)>;

  BodyStream(std::shared_ptr<PendingAnswer> answer, std::shared_ptr<IncomingBody> body);

  // Asks for the next piece. `next` is called once with it; never, and destroyed, when the server
  // itself ends. A client that was told to wait for "100 Continue" is told to go on.
  // REQUIRES: the last piece asked for was handed over.
  void read(Next next) const;

 private:
  std::shared_ptr<PendingAnswer> answer_;
  std::shared_ptr<IncomingBody> body_;
};

}  // namespace jangbu::http
