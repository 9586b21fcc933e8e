#include "api/http/exchange.hpp"

#include <spdlog/spdlog.h>

#include "api/http/connection.hpp"
#include "api/http/pending_answer.hpp"

namespace jangbu::http {

Exchange::Exchange(std::shared_ptr<PendingAnswer> answer) : answer_(std::move(answer)) {}

void Exchange::respond(Response response) const {
  answer_->respond(std::move(response));
}

void Exchange::respond_with(std::function<Response()> build) const {
  answer_->respond_with(std::move(build));
}

void Exchange::stream_start(Response head) const {
  answer_->stream_start(std::move(head));
}

bool Exchange::stream_write(std::string bytes) const {
  return answer_->stream_write(std::move(bytes));
}

void Exchange::stream_end() const {
  answer_->stream_end();
}

PendingAnswer::PendingAnswer(std::shared_ptr<Mailbox> mailbox,
                             std::shared_ptr<Connection> connection, WireForm form,
                             std::size_t stream_backlog_bytes)
    : mailbox_(std::move(mailbox)),
      connection_(std::move(connection)),
      form_(form),
      stream_backlog_bytes_(stream_backlog_bytes) {}

PendingAnswer::~PendingAnswer() {
  if (state_ == State::open) {
    spdlog::error("http: a request was dropped without an answer");
    post(internal_error());
  } else if (state_ == State::streaming) {
    post(CutOff{});  // without the last chunk the client knows that something is missing
  }
}

bool PendingAnswer::advance(State from, State to) {
  return state_.compare_exchange_strong(from, to);
}

template <class What>
void PendingAnswer::post(What what) {
  mailbox_->post({connection_, std::move(what)});
}

void PendingAnswer::respond(Response response) {
  if (advance(State::open, State::answered)) post(std::move(response));
}

void PendingAnswer::respond_with(std::function<Response()> build) {
  if (advance(State::open, State::answered)) post(std::move(build));
}

void PendingAnswer::stream_start(Response head) {
  if (advance(State::open, State::streaming)) post(StreamStart{std::move(head)});
}

bool PendingAnswer::stream_write(std::string bytes) {
  if (state_ != State::streaming || form_.without_body || connection_->gone) return false;
  std::string wire = chunk_to_wire(std::move(bytes), form_);
  if (connection_->posted_bytes.fetch_add(wire.size()) + wire.size() > stream_backlog_bytes_) {
    if (advance(State::streaming, State::answered)) post(CutOff{});
    return false;
  }
  post(StreamBytes{std::move(wire)});
  return true;
}

void PendingAnswer::stream_end() {
  if (advance(State::streaming, State::answered)) post(StreamEnd{});
}

}  // namespace jangbu::http
