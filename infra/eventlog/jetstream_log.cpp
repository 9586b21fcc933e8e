#include "infra/eventlog/jetstream_log.hpp"

#include <algorithm>
#include <deque>
#include <nlohmann/json.hpp>
#include <utility>

#include "events/errors.hpp"
#include "infra/eventlog/jetstream_gate.hpp"
#include "infra/eventlog/jetstream_reader.hpp"
#include "infra/eventlog/stream.hpp"
#include "infra/json_tree.hpp"

namespace jangbu {

using nlohmann::json;

namespace {

constexpr const char* needs_restart =
    "Make room and restart it: until then it stores nothing (docs/operations.md)";

// A server that failed to write reports it on its monitoring port, but not to the publisher.
NoAnswer timed_out(const Stream& stream, std::chrono::milliseconds timeout,
                   NatsConnection::Clock::time_point began) {
  std::string why = "no acknowledgement within " + std::to_string(timeout.count()) + " ms";
  std::string complaint = stream.connection.complaint_since(began);
  if (complaint.empty()) complaint = complaint_of_server(stream.options);
  if (!complaint.empty()) why += "; the NATS server says: " + complaint;
  if (complaint.find("write error") != std::string::npos) why.append(". ").append(needs_restart);
  return {why};
}

void set_origin(natsMsg& message, const Origin& origin) {
  if (origin.author) set_header(message, author_header, to_string(*origin.author));
  if (origin.decided_at)
    set_header(message, decided_at_header, std::to_string(origin.decided_at->value));
  if (origin.successor) set_header(message, successor_header, to_string(*origin.successor));
}

AppendResult append_result(const Stream& stream, Position expected, natsMsg& answer) {
  if (natsMsg_IsNoResponders(&answer)) return NoAnswer{"no stream takes " + stream.subject};
  const json ack = parse_json_if_valid(payload(answer));
  if (!ack.is_object()) return NoAnswer{"the server's acknowledgement is not JSON"};
  switch (error_code(ack)) {
    case 0:
      break;
    case api_error::wrong_last_sequence:
    case api_error::wrong_last_sequence_in_flight:
      return WrongSequence{};
    case api_error::insufficient_resources:
      return NoAnswer{error_text(ack) +
                      ": the NATS server has used what it may of its disk (max_file_store). " +
                      needs_restart};
    default:
      return NoAnswer{error_text(ack)};
  }
  const Position position{ack.value("seq", std::uint64_t{0})};
  if (position != expected.next())
    return NoAnswer{"the server acknowledged position " + std::to_string(position.value) +
                    " instead of " + std::to_string(expected.next().value)};
  return Appended{position};
}

}  // namespace

bool JetStreamLog::is_stream_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
}

std::unique_ptr<JetStreamLog> JetStreamLog::connect(JetStreamOptions options,
                                                    std::chrono::milliseconds wait) {
  invariant(is_stream_name(options.stream), "a stream has a name that JetStream takes");
  return std::unique_ptr<JetStreamLog>(
      new JetStreamLog(std::make_unique<Stream>(std::move(options), wait)));
}

JetStreamLog::JetStreamLog(std::unique_ptr<Stream> stream) : stream_(std::move(stream)) {}

JetStreamLog::~JetStreamLog() = default;

// The reply subject is derived from the commit and its position and is the same for every attempt:
// a late acknowledgement of an earlier attempt also proves for this one that the commit is stored
// at its position, and a refusal makes the caller look at what is there, as every refusal does. An
// answer for another commit finds no mailbox.
AppendResult JetStreamLog::append(Position expected, const NewCommit& commit,
                                  std::chrono::milliseconds timeout) {
  using Event = NatsConnection::Mailbox::Event;
  const auto began = NatsConnection::Clock::now();
  const std::string id = to_string(commit.id);
  const std::string last = std::to_string(expected.value);
  std::deque<NatsMessage> answers;
  try {
    NatsConnection::Mailbox mailbox(stream_->connection, "append-" + id + "-" + last);
    stream_->require_intact();
    const NatsMessage message = make_message(stream_->subject, mailbox.subject(), commit.payload);
    set_header(*message, "Nats-Expected-Last-Sequence", last);
    set_header(*message, commit_id_header, id);
    set_header(*message, commit_format_header, std::to_string(commit_format));
    set_origin(*message, commit.origin);
    stream_->connection.publish(*message);
    switch (mailbox.wait(began + timeout, answers)) {
      case Event::lost:
        return NoAnswer{"the connection to NATS was lost"};
      case Event::timeout:
        return timed_out(*stream_, timeout, began);
      case Event::messages:
        break;
    }
    const AppendResult result = append_result(*stream_, expected, *answers.front());
    if (std::holds_alternative<Appended>(result)) stream_->saw(expected.next(), commit.id);
    return result;
  } catch (const Unavailable& away) {
    return NoAnswer{away.what()};
  } catch (const Corrupt&) {
    return WrongSequence{};  // read() and last() report why
  } catch (const json::exception& odd) {
    return NoAnswer{stream_->not_understood(odd).what()};
  }
}

std::optional<StoredCommit> JetStreamLog::read(Position position) {
  try {
    stream_->require_intact();
    if (position == Position{}) return std::nullopt;
    auto commit = stream_->get(position);
    if (commit) stream_->saw(position, commit->id);
    return commit;
  } catch (const json::exception& odd) {
    throw stream_->not_understood(odd);
  }
}

Position JetStreamLog::last() {
  try {
    stream_->require_intact();
    return stream_->last();
  } catch (const json::exception& odd) {
    throw stream_->not_understood(odd);
  }
}

std::unique_ptr<LogReader> JetStreamLog::read_from(Position from) {
  return std::make_unique<JetStreamReader>(*stream_, std::max(from, Position{1}));
}

std::unique_ptr<LogReader> JetStreamLog::read_copy(const std::string& server, Position from) {
  return std::make_unique<JetStreamReader>(*stream_, std::max(from, Position{1}), server);
}

unsigned JetStreamLog::replicas() const {
  return stream_->replicas();
}

void JetStreamLog::use_another_server() {
  stream_->connection.use_another_server();
}

std::string JetStreamLog::why_away() const {
  std::string why = stream_->connection.why_away();
  return why.empty() ? stream_->bulk.why_away() : why;
}

}  // namespace jangbu
