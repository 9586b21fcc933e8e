#include "infra/eventlog/public_stream.hpp"

#include <deque>
#include <nlohmann/json.hpp>
#include <utility>

#include "events/errors.hpp"
#include "infra/eventlog/jetstream_api.hpp"
#include "infra/eventlog/jetstream_gate.hpp"
#include "infra/eventlog/nats_connection.hpp"
#include "infra/json_tree.hpp"

namespace jangbu {

using nlohmann::json;

namespace {

constexpr const char* resume_key = "jangbu-resume-from";

PublicStream::State state_of(const json& info) {
  const json& state = info.at("state");
  return {.first = state.at("first_seq").get<std::uint64_t>(),
          .last = state.at("last_seq").get<std::uint64_t>(),
          .messages = state.at("messages").get<std::uint64_t>(),
          .bytes = state.at("bytes").get<std::uint64_t>(),
          .resume_from = info.value(
              json::json_pointer(std::string("/config/metadata/") + resume_key), std::string())};
}

AppendResult append_result(std::uint64_t expected_last, natsMsg& answer) {
  if (natsMsg_IsNoResponders(&answer)) return NoAnswer{"the stream is not there"};
  const json ack = parse_json_if_valid(payload(answer));
  if (!ack.is_object()) return NoAnswer{"the server's acknowledgement is not JSON"};
  switch (error_code(ack)) {
    case 0:
      break;
    case api_error::wrong_last_sequence:
    case api_error::wrong_last_sequence_in_flight:
      return WrongSequence{};
    default:
      return NoAnswer{error_text(ack)};
  }
  const Position last{ack.value("seq", std::uint64_t{0})};
  if (last.value != expected_last)
    return NoAnswer{"the server acknowledged sequence " + std::to_string(last.value) +
                    " instead of " + std::to_string(expected_last)};
  return Appended{last};
}

}  // namespace

PublicStream::PublicStream(PublicStreamOptions options, std::chrono::milliseconds wait)
    : options_(std::move(options)),
      connection_(std::make_unique<NatsConnection>(options_.url, "publishes", wait,
                                                   NatsConnection::Sending::together)),
      api_(std::make_unique<JetStreamApi>(*connection_, options_.request_timeout)) {}

PublicStream::~PublicStream() = default;

json PublicStream::config() const {
  return {{"name", options_.stream},
          {"subjects", {options_.subjects}},
          {"storage", "file"},
          {"retention", "limits"},
          {"discard", "new"},
          {"max_bytes", options_.max_bytes},
          {"num_replicas", options_.replicas},
          {"allow_atomic", true},
          {"allow_direct", true},
          {"deny_delete", true}};
}

// Calls the API; throws Unavailable when it reports an error.
json PublicStream::checked(const std::string& what, const json& body) {
  json answer = api_->call(what, body);
  if (error_code(answer) != 0)
    throw Unavailable("stream " + options_.stream + ", " + what + ": " + error_text(answer));
  return answer;
}

std::optional<PublicStream::State> PublicStream::find() {
  const json answer = api_->call("STREAM.INFO." + options_.stream, nullptr);
  if (error_code(answer) == api_error::stream_not_found) return std::nullopt;
  if (error_code(answer) != 0)
    throw Unavailable("stream " + options_.stream + ": " + error_text(answer));
  return state_of(answer);
}

json PublicStream::create() {
  const json answer = api_->call("STREAM.CREATE." + options_.stream, config());
  const std::string text = "stream " + options_.stream + " cannot be made: " + error_text(answer);
  switch (error_code(answer)) {
    case 0:
      return answer;
    case api_error::subjects_overlap:
      throw Corrupt(text + ". Another stream has the subjects " + options_.subjects +
                    ": give this shop another name with --shop");
    case api_error::insufficient_storage:
      throw Corrupt(text + ". NATS reserves " + std::to_string(options_.max_bytes) +
                    " bytes for it: make room, or ask for less with --public-max-bytes");
    default:
      throw Unavailable(text);
  }
}

PublicStream::State PublicStream::open() {
  json info = api_->call("STREAM.INFO." + options_.stream, nullptr);
  if (error_code(info) == api_error::stream_not_found)
    info = create();
  else if (error_code(info) != 0)
    throw Unavailable("stream " + options_.stream + ": " + error_text(info));

  // Servers silently drop settings that they do not know, and somebody else may have created it.
  json wanted = config();
  wanted["num_replicas"] = info.at("config").value("num_replicas", 1);
  const std::int64_t max_bytes = info.at("config").value("max_bytes", std::int64_t{-1});
  wanted["max_bytes"] = max_bytes;
  if (const auto differences = config_differences(wanted, info.at("config")); !differences.empty())
    throw Corrupt("stream " + options_.stream +
                  " is not as the publisher needs it: " + differences.front() +
                  ". If it is another shop's or another program's, choose another --stream; if it "
                  "is ours, put it right with `nats stream edit " +
                  options_.stream + "`; a nats-server before 2.12 cannot hold it");
  if (max_bytes != static_cast<std::int64_t>(options_.max_bytes)) {
    json larger = info.at("config");
    larger["max_bytes"] = options_.max_bytes;
    info = checked("STREAM.UPDATE." + options_.stream, larger);
  }
  return state_of(info);
}

std::optional<StoredMessage> PublicStream::message(std::uint64_t sequence) {
  return get({{"seq", sequence}});
}

std::optional<StoredMessage> PublicStream::message_from(std::uint64_t sequence) {
  return get({{"seq", sequence}, {"next_by_subj", ">"}});
}

std::optional<StoredMessage> PublicStream::get(const json& which) {
  const json answer = api_->call("STREAM.MSG.GET." + options_.stream, which);
  if (error_code(answer) == api_error::message_not_found) return std::nullopt;
  if (error_code(answer) != 0)
    throw Unavailable("reading stream " + options_.stream + ": " + error_text(answer));
  return StoredMessage(answer.at("message"));
}

AppendResult PublicStream::append(std::uint64_t expected_last, std::span<const Message> messages,
                                  std::chrono::milliseconds timeout) {
  using Event = NatsConnection::Mailbox::Event;
  invariant(!messages.empty() && messages.size() <= most_in_batch,
            "a batch has 1 to 1,000 messages");
  const auto until = NatsConnection::Clock::now() + timeout;
  const std::string batch = connection_->unique_name();
  std::deque<NatsMessage> answers;
  try {
    NatsConnection::Mailbox done(*connection_, batch);
    for (std::size_t i = 0; i < messages.size(); ++i) {
      const bool is_last = i + 1 == messages.size();
      const auto message = make_message(
          messages[i].subject, is_last ? done.subject() : std::string(), messages[i].cloud_event);
      set_header(*message, "Content-Type", "application/cloudevents+json");
      set_header(*message, commit_id_header, to_string(messages[i].commit));
      if (i == 0)
        set_header(*message, "Nats-Expected-Last-Sequence", std::to_string(expected_last));
      if (messages.size() > 1) {
        set_header(*message, "Nats-Batch-Id", batch);
        set_header(*message, "Nats-Batch-Sequence", std::to_string(i + 1));
        if (is_last) set_header(*message, "Nats-Batch-Commit", "1");
      }
      connection_->publish(*message);
    }
    switch (done.wait(until, answers)) {
      case Event::lost:
        return NoAnswer{"the connection to NATS was lost"};
      case Event::timeout:
        return NoAnswer{"no acknowledgement within " + std::to_string(timeout.count()) + " ms"};
      case Event::messages:
        break;
    }
  } catch (const Unavailable& away) {
    return NoAnswer{away.what()};
  }
  return append_result(expected_last + messages.size(), *answers.front());
}

void PublicStream::purge_before(std::uint64_t sequence) {
  checked("STREAM.PURGE." + options_.stream, {{"seq", sequence}});
}

std::vector<PublicStream::Reader> PublicStream::readers() {
  std::vector<Reader> readers;
  for (std::size_t total = 1, seen = 0; seen < total;) {
    const json page = checked("CONSUMER.LIST." + options_.stream, {{"offset", seen}});
    const json consumers = page.value("consumers", json::array());
    if (!consumers.is_array() || consumers.empty()) break;
    for (const json& consumer : consumers)
      if (consumer.at("config").contains("durable_name"))
        readers.push_back(
            {consumer.at("name").get<std::string>(),
             consumer.value("num_pending", std::uint64_t{0}) +
                 consumer.value("num_ack_pending", std::uint64_t{0}),
             consumer.value(json::json_pointer("/ack_floor/stream_seq"), std::uint64_t{0})});
    seen += consumers.size();
    total = page.value("total", std::size_t{0});
  }
  return readers;
}

void PublicStream::resume(const std::string& from) {
  json wanted = checked("STREAM.INFO." + options_.stream, nullptr).at("config");
  wanted["metadata"][resume_key] = from;
  checked("STREAM.UPDATE." + options_.stream, wanted);
}

}  // namespace jangbu
