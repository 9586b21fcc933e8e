// The logs that the contract is tested against, each with the faults that the contract speaks of.
#pragma once

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "events/errors.hpp"
#include "events/event_log.hpp"
#include "infra/eventlog/jetstream_log.hpp"
#include "infra/eventlog/memory_log.hpp"
#include "tests/support/nats_server.hpp"
#include "tests/support/tcp_proxy.hpp"

namespace jangbu::test {

inline CommitId commit_id(unsigned number) {
  CommitId id;
  for (std::size_t i = 0; i < 4; ++i)
    id.bytes[15 - i] = static_cast<std::uint8_t>(number >> (8 * i));
  return id;
}

class MemoryUnderTest {
 public:
  EventLog& log() { return log_; }
  // Another writer on the same stream.
  EventLog& other() { return log_; }

  // An append that is stored, but whose acknowledgement never arrives.
  AppendResult append_losing_ack(Position expected, const CommitId& id, std::string_view payload) {
    log_.lose_acks(1);
    return log_.append(expected, {id, payload}, 1s);
  }
  void go_away() { log_.set_away(true); }
  void come_back() { log_.set_away(false); }

 private:
  MemoryLog log_;
};

class JetStreamUnderTest {
 public:
  JetStreamUnderTest() : proxy_(server_.port()) {
    log_ = connect(proxy_.port());
    other_ = connect(server_.port());
    log_->create_stream();
  }

  EventLog& log() { return *log_; }
  EventLog& other() { return *other_; }

  AppendResult append_losing_ack(Position expected, const CommitId& id, std::string_view payload) {
    proxy_.set_mute(true);
    const AppendResult result = log_->append(expected, {id, payload}, 300ms);
    // Held back is what was answered: the commit is stored now, and stays so.
    wait_until("the acknowledgement", [this] { return proxy_.held_back() > 0; });
    proxy_.cut();
    proxy_.set_mute(false);
    return result;
  }
  void go_away() {
    proxy_.set_closed(true);
    proxy_.cut();
  }
  void come_back() { proxy_.set_closed(false); }

  NatsServer& server() { return server_; }
  TcpProxy& proxy() { return proxy_; }
  JetStreamLog& jetstream() { return *log_; }
  JetStreamLog& other_jetstream() { return *other_; }

  std::unique_ptr<JetStreamLog> connect(int port) {
    return JetStreamLog::connect({.url = "nats://127.0.0.1:" + std::to_string(port),
                                  .monitor_url = server_.monitor_url(),
                                  .request_timeout = 1s},
                                 10s);
  }
  void drop_log() { log_.reset(); }

 private:
  NatsServer server_;
  TcpProxy proxy_;
  std::unique_ptr<JetStreamLog> log_;
  std::unique_ptr<JetStreamLog> other_;
};

// As the writer does: sends the same commit again until the log has told what became of it.
inline AppendResult append_surely(EventLog& log, Position expected, const CommitId& id,
                                  std::string_view payload) {
  AppendResult result;
  wait_until("an answer to the append", [&] {
    result = log.append(expected, {id, payload}, 1s);
    return !std::holds_alternative<NoAnswer>(result);
  });
  return result;
}

// Appends at the end, and requires that it went well.
inline Position append_next(EventLog& log, const CommitId& id, std::string_view payload) {
  const auto result = log.append(log.last(), {id, payload}, 10s);
  if (const auto* none = std::get_if<NoAnswer>(&result)) throw std::runtime_error(none->why);
  return std::get<Appended>(result).position;
}

// Reads until that many commits have come, outliving a log that is away for a while.
inline std::vector<StoredCommit> read_commits(LogReader& reader, std::size_t count,
                                              std::size_t max = 500) {
  std::vector<StoredCommit> commits;
  wait_until(
      std::to_string(count) + " commits",
      [&] {
        try {
          for (auto& commit : reader.next(max, 200ms)) commits.push_back(std::move(commit));
        } catch (const Unavailable&) {
        }
        return commits.size() >= count;
      },
      30s);
  return commits;
}

}  // namespace jangbu::test
