// JetStream's JSON API over a connection.
//
// Threads: every member from any thread. Ownership: the connection outlives it. Errors:
// Unavailable.
//
// Sources: https://docs.nats.io/reference/reference-protocols/nats_api_reference and
// server/jetstream_errors_generated.go of https://github.com/nats-io/nats-server.
#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "infra/eventlog/nats_connection.hpp"

namespace jangbu {

// Error codes of the API.
namespace api_error {
inline constexpr int no_suitable_peers = 10005;        // for so many replicas
inline constexpr int temporarily_unavailable = 10008;  // a cluster without a leader
inline constexpr int insufficient_resources = 10023;
inline constexpr int message_not_found = 10037;
inline constexpr int not_enabled_for_account = 10039;
inline constexpr int insufficient_storage = 10047;
inline constexpr int stream_name_in_use = 10058;
inline constexpr int stream_not_found = 10059;
inline constexpr int subjects_overlap = 10065;
inline constexpr int wrong_last_sequence = 10071;
inline constexpr int replicas_without_cluster = 10074;
inline constexpr int not_enabled = 10076;
inline constexpr int consumer_exists = 10148;
inline constexpr int wrong_last_sequence_in_flight = 10164;  // on replicated streams
}  // namespace api_error

// The err_code of an answer's error; 0 when there is none.
int error_code(const nlohmann::json& answer);
std::string error_text(const nlohmann::json& answer);

class JetStreamApi {
 public:
  JetStreamApi(NatsConnection& connection, std::chrono::milliseconds timeout)
      : connection_(connection), timeout_(timeout) {}

  // Calls `$JS.API.<what>`. Empty when nobody answers such calls: JetStream is off. The caller
  // handles errors that the API reports.
  std::optional<nlohmann::json> try_call(const std::string& what, const nlohmann::json& body);
  // The same, for when JetStream is known to be on: throws Unavailable when nobody answers.
  nlohmann::json call(const std::string& what, const nlohmann::json& body);

 private:
  NatsConnection& connection_;
  const std::chrono::milliseconds timeout_;
};

}  // namespace jangbu
