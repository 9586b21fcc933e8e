// GET /metrics: what the parts count about themselves, in the Prometheus text format. Nothing is
// kept here: each scrape reads the parts, so that a metric costs a request no more than a counter.
// docs/operations.md lists the metrics.
//
// Names follow https://prometheus.io/docs/practices/naming/. Labels have few values: the route's
// pattern, never an id, a name or a path.
//
// Threads: add() before the servers start; text() from any. Ownership: the parts outlive it.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/access/gatekeeper.hpp"
#include "api/access/tokens.hpp"
#include "api/cluster/forwarder.hpp"
#include "api/cluster/receiver.hpp"
#include "api/http/server.hpp"
#include "api/jobs/snapshot_file.hpp"
#include "api/publishing/publisher.hpp"
#include "api/streams/event_feed.hpp"
#include "api/telemetry/access_log.hpp"
#include "api/webhooks/webhooks.hpp"
#include "commands/writer.hpp"
#include "infra/eventlog/replicas.hpp"
#include "projections/queries/read_models.hpp"
#include "projections/writing/projector.hpp"

namespace jangbu {

class Metrics {
 public:
  struct Parts {
    const Writer* writer;           // null when another process takes commands
    const SnapshotFile* snapshots;  // likewise
    const ReadModels& read_models;
    const Projector* projector;  // null when another process projects
    const Publisher* publisher;  // null when another process publishes
    const webhook::Webhooks& webhooks;
    const EventFeed& delivery_feed;
    const EventFeed& log_feed;
    const AccessLog* access_log;  // null unless enabled
    const access::Gatekeeper& gatekeeper;
    const access::Tokens* tokens;                   // null without a provider
    const ReplicaWatch& replicas;                   // of the event log
    const cluster::Forwarder* forwarder = nullptr;  // null when commands are not forwarded
    const cluster::Receiver* receiver = nullptr;    // null when none are taken from others
  };

  static constexpr std::string_view content_type = "text/plain; version=0.0.4; charset=utf-8";

  explicit Metrics(const Parts& parts) : parts_(parts) {}

  void add(std::string_view service, const http::Server& server) {
    servers_.emplace_back(service, &server);
  }

  std::string text() const;

 private:
  const Parts parts_;
  std::vector<std::pair<std::string, const http::Server*>> servers_;
};

// What is known here of the log's end: a writer in this process (null: there is none) learns of
// commits first, and who follows the log may be held up.
Position log_end(Position seen, const Writer* writer);

}  // namespace jangbu
