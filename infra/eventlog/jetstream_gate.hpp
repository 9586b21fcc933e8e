// Queries to the server's monitoring port, and the parts of the start-up gate that need no server,
// so that tests can feed them answers that no server here would give. Internal to infra/eventlog.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "infra/eventlog/jetstream_log.hpp"
#include "infra/eventlog/replicas.hpp"

namespace jangbu {

// Compares versions such as 2.14.5. A pre-release (2.14.5-RC.1) comes before its release; anything
// that is not a version counts as older than every version.
bool version_at_least(std::string_view version, std::string_view minimum);

// The findings that a server's answer to /varz gives about its version, JetStream and fsync mode.
std::vector<GateFinding> judge_server(const nlohmann::json& varz);

// What a server said when it was asked at its monitoring port.
struct Monitored {
  std::string url;      // without credentials
  nlohmann::json varz;  // null: it did not answer
  std::string why = {};
};

// The findings about all servers that were asked. `connected` is the id of the one that the
// connection leads to; `peers` are the names of those that keep the stream, if it is there.
std::vector<GateFinding> judge_servers(const std::vector<Monitored>& servers,
                                       const std::string& connected,
                                       const std::vector<std::string>& peers);

// Adds to each replica what its server says itself.
void ask_servers_of(Replicas& replicas, const JetStreamOptions& options);

// The error that a server reports about itself on its monitoring port; empty when there is none,
// or no port can be reached.
std::string complaint_of_server(const JetStreamOptions& options);

// The configuration of the stream that Jangbu creates.
nlohmann::json stream_config(const JetStreamOptions& options, const std::string& subject);

// The differences between a stream's configuration and the wanted one, worded for people; empty
// when there are none. Settings that are not in `wanted` must be off, except those that do not
// affect the log.
std::vector<std::string> config_differences(const nlohmann::json& wanted,
                                            const nlohmann::json& found);

}  // namespace jangbu
