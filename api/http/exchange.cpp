#include "api/http/exchange.hpp"

#include "api/http/connection.hpp"
#include "api/http/pending_answer.hpp"
#include "infra/log.hpp"

namespace jangbu::http {

Exchange::Exchange(std::shared_ptr<Answering> answer) : answer_(std::move(answer)) {}

void Exchange::respond(Response response) const {
  answer_->respond(std::move(response));
}

void Exchange::respond_with(std::function<Response()> build) const {
  answer_->respond_with(std::move(build));
}

void Exchange::respond_from_here(const std::function<Response()>& build) const {
  Response response = internal_error();
  try {
    response = build();
  } catch (const std::exception& bug) {
    log::error("http: an answer could not be made: {}", bug.what());
  }
  respond(std::move(response));
}

void Exchange::stream_start(Response head, std::size_t backlog_bytes) const {
  answer_->stream_start(std::move(head), backlog_bytes);
}

bool Exchange::stream_write(std::string bytes) const {
  return answer_->stream_write(std::move(bytes));
}

bool Exchange::stream_write(const StreamPiece& piece) const {
  return answer_->stream_write(piece);
}

StreamBacklog Exchange::stream_backlog() const {
  return answer_->stream_backlog();
}

bool Exchange::head_only() const {
  return answer_->head_only();
}

bool Exchange::client_gone() const {
  return answer_->client_gone();
}

bool Exchange::client_left() const {
  return answer_->client_left();
}

void Exchange::stream_end() const {
  answer_->stream_end();
}

void Exchange::note_asker(std::string_view who, std::string_view denied) const {
  answer_->note_asker(who, denied);
}

void Exchange::note_forwarded() const {
  answer_->note_forwarded();
}

BodyStream::BodyStream(std::shared_ptr<PendingAnswer> answer, std::shared_ptr<IncomingBody> body)
    : answer_(std::move(answer)), body_(std::move(body)) {}

void BodyStream::read(Next next) const {
  answer_->want_body(body_, std::move(next));
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
    if (!connection_->gone) log::error("http: a request was dropped without an answer");
    post(internal_error());
  } else if (state_ == State::streaming) {
    post(CutOff{});  // without the last chunk the client knows that something is missing
  }
}

void PendingAnswer::note_asker(std::string_view who, std::string_view denied) {
  connection_->serving.asker = who;
  connection_->serving.denied = denied;
}

void PendingAnswer::note_forwarded() {
  connection_->serving.forwarded = true;
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

void PendingAnswer::stream_start(Response head, std::size_t backlog_bytes) {
  if (state_ != State::open) return;
  if (backlog_bytes > 0) stream_backlog_bytes_ = backlog_bytes;
  if (advance(State::open, State::streaming))
    post(StreamStart{std::move(head), stream_backlog_bytes_});
}

bool PendingAnswer::make_room(std::size_t bytes) {
  if (connection_->posted_bytes.fetch_add(bytes) + bytes <= stream_backlog_bytes_) return true;
  if (advance(State::streaming, State::answered)) post(CutOff{});
  return false;
}

bool PendingAnswer::stream_write(std::string bytes) {
  if (state_ != State::streaming || form_.without_body || connection_->gone) return false;
  std::string wire = chunk_to_wire(std::move(bytes), form_);
  if (!make_room(wire.size())) return false;
  post(StreamBytes{std::move(wire)});
  return true;
}

bool PendingAnswer::stream_write(const StreamPiece& piece) {
  if (state_ != State::streaming || form_.without_body || connection_->gone) return false;
  if (!make_room(piece.wire(form_.http_1_0).size())) return false;
  post(SharedBytes{piece});
  return true;
}

StreamBacklog PendingAnswer::stream_backlog() const {
  return {connection_->posted_bytes, connection_->unread_bytes};
}

bool PendingAnswer::head_only() const {
  return form_.without_body;
}

bool PendingAnswer::client_gone() const {
  return connection_->gone;
}

bool PendingAnswer::client_left() const {
  return connection_->gone || connection_->input_ended;
}

void PendingAnswer::want_body(std::shared_ptr<IncomingBody> body, BodyStream::Next next) {
  post(BodyWanted{std::move(body), std::move(next)});
}

void PendingAnswer::give_up(Response response) {
  if (advance(State::open, State::answered))
    post(std::move(response));
  else if (advance(State::streaming, State::answered))
    post(CutOff{});
}

void PendingAnswer::stream_end() {
  if (advance(State::streaming, State::answered)) post(StreamEnd{});
}

}  // namespace jangbu::http
