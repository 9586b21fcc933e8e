// A log on three servers, with the faults that the contract of logs speaks of.
//
// The tests of this process share a cluster, each with a stream of its own: to make one takes
// longer than most tests.
#pragma once

#include <memory>
#include <string>

#include "tests/contract/logs.hpp"
#include "tests/support/nats_cluster.hpp"

namespace jangbu::test {

class ReplicatedUnderTest {
 public:
  ReplicatedUnderTest()
      : stream_("SHOP" + std::to_string(++streams_)), proxy_(cluster().server(0).port()) {
    log_ = connect("nats://127.0.0.1:" + std::to_string(proxy_.port()));
    other_ = connect(cluster().urls());
    log_->create_stream();
  }

  static NatsCluster& cluster() {
    static NatsCluster shared;
    return shared;
  }

  EventLog& log() { return *log_; }
  EventLog& other() { return *other_; }

  AppendResult append_losing_ack(Position expected, const CommitId& id, std::string_view payload) {
    proxy_.set_mute(true);
    const AppendResult result = log_->append(expected, {id, payload}, 300ms);
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

  const std::string& stream() const { return stream_; }
  JetStreamLog& jetstream() { return *log_; }

  std::unique_ptr<JetStreamLog> connect(const std::string& url) const {
    return JetStreamLog::connect({.url = url,
                                  .monitor_url = cluster().monitor_urls(),
                                  .stream = stream_,
                                  .replicas = 3,
                                  .request_timeout = 1s},
                                 30s);
  }

 private:
  static inline unsigned streams_ = 0;

  const std::string stream_;
  TcpProxy proxy_;
  std::unique_ptr<JetStreamLog> log_;
  std::unique_ptr<JetStreamLog> other_;
};

}  // namespace jangbu::test
