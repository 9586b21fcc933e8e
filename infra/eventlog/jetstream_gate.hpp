// Queries to the server's monitoring port, and the parts of the start-up gate that need no server,
// so that tests can feed them answers that no server here would give. Internal to infra/eventlog.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "infra/eventlog/jetstream_log.hpp"

namespace jangbu {

// Compares versions such as 2.14.5. A pre-release (2.14.5-RC.1) comes before its release; anything
// that is not a version counts as older than every version.
bool version_at_least(std::string_view version, std::string_view minimum);

// The findings that a server's answer to /varz gives about its version, JetStream and fsync mode.
std::vector<GateFinding> judge_server(const nlohmann::json& varz);

// The error that the server reports about itself on its monitoring port; empty when there is none,
// or the port cannot be reached.
std::string complaint_of_server(const JetStreamOptions& options);

// The configuration of the stream that Jangbu creates.
nlohmann::json stream_config(const JetStreamOptions& options, const std::string& subject);

// The differences between a stream's configuration and the wanted one, worded for people; empty
// when there are none. Settings that are not in `wanted` must be off, except those that do not
// affect the log.
std::vector<std::string> config_differences(const nlohmann::json& wanted,
                                            const nlohmann::json& found);

}  // namespace jangbu
