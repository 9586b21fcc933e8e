// What the log asks the server's monitoring port, and the parts of the start-up gate that need no
// server, so that tests can show them what no server here would say. Internal to infra/eventlog.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "infra/eventlog/jetstream_log.hpp"

namespace jangbu {

// Compares versions such as 2.14.5. A pre-release (2.14.5-RC.1) comes before its release; what is
// not a version is older than any.
bool version_at_least(std::string_view version, std::string_view minimum);

// What the answer of a server to /varz says about its version, JetStream and fsync mode.
std::vector<GateFinding> judge_server(const nlohmann::json& varz);

// What the server's monitoring port says is wrong with it; empty when nothing is, or it cannot be
// asked.
std::string complaint_of_server(const JetStreamOptions& options);

// The configuration of the stream that Jangbu creates.
nlohmann::json stream_config(const JetStreamOptions& options, const std::string& subject);

// How a stream's configuration differs from the wanted one, in people's words; empty when it does
// not. What was not asked for must be off, too, except what changes nothing for the log.
std::vector<std::string> config_differences(const nlohmann::json& wanted,
                                            const nlohmann::json& found);

}  // namespace jangbu
