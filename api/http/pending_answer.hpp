// What all handles of one Exchange share: which answer it is, and whether it was given.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "api/http/mailbox.hpp"
#include "api/http/wire.hpp"

namespace jangbu::http {

// Thread-safe, see Exchange.
class PendingAnswer {
 public:
  PendingAnswer(std::shared_ptr<Mailbox> mailbox, std::shared_ptr<Connection> connection,
                WireForm form, std::size_t stream_backlog_bytes);
  ~PendingAnswer();
  PendingAnswer(const PendingAnswer&) = delete;
  PendingAnswer& operator=(const PendingAnswer&) = delete;

  void respond(Response response);
  void respond_with(std::function<Response()> build);
  void stream_start(Response head);
  bool stream_write(std::string bytes);
  void stream_end();

 private:
  enum class State { open, streaming, answered };

  bool advance(State from, State to);  // true for the one caller that gets to do it
  template <class What>
  void post(What what);

  const std::shared_ptr<Mailbox> mailbox_;
  const std::shared_ptr<Connection> connection_;
  const WireForm form_;
  const std::size_t stream_backlog_bytes_;
  std::atomic<State> state_ = State::open;
};

}  // namespace jangbu::http
