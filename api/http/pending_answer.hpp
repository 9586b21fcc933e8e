// The answer to a client on a connection, and whether it has been given.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "api/http/answering.hpp"
#include "api/http/body_stream.hpp"
#include "api/http/mailbox.hpp"
#include "api/http/wire.hpp"

namespace jangbu::http {

// Thread-safe, see Exchange.
class PendingAnswer final : public Answering {
 public:
  PendingAnswer(std::shared_ptr<Mailbox> mailbox, std::shared_ptr<Connection> connection,
                WireForm form, std::size_t stream_backlog_bytes);
  ~PendingAnswer() override;
  PendingAnswer(const PendingAnswer&) = delete;
  PendingAnswer& operator=(const PendingAnswer&) = delete;

  void respond(Response response) override;
  void respond_with(std::function<Response()> build) override;
  void stream_start(Response head, std::size_t backlog_bytes) override;
  bool stream_write(std::string bytes) override;
  bool stream_write(const StreamPiece& piece) override;
  StreamBacklog stream_backlog() const override;
  bool head_only() const override;
  bool client_gone() const override;
  bool client_left() const override;
  void stream_end() override;
  void note_asker(std::string_view who, std::string_view denied) override;
  void note_forwarded() override;
  void want_body(std::shared_ptr<IncomingBody> body, BodyStream::Next next);

  // Ends the answer in the handler's place: with this response or, if a stream was started, by
  // cutting it off.
  void give_up(Response response);

 private:
  enum class State { open, streaming, answered };

  bool advance(State from, State to);  // true for the one caller that succeeds
  // Whether this many more bytes may be on their way; if not, cuts the client off.
  bool make_room(std::size_t bytes);
  template <class What>
  void post(What what);

  const std::shared_ptr<Mailbox> mailbox_;
  const std::shared_ptr<Connection> connection_;
  const WireForm form_;
  std::size_t stream_backlog_bytes_;  // set before the state becomes `streaming`
  std::atomic<State> state_ = State::open;
};

}  // namespace jangbu::http
