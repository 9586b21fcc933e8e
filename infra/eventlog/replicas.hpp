// The copies of a stream on the servers of a NATS cluster.
//
// What its leader says of them is what it believes: one that was cut off believes for some seconds
// that it leads and that the others are current, and copies that stand still have been called
// current before. So it counts only how lately the leader has heard of them, and each server is
// also asked itself, at its monitoring port, how far its copy reaches.
//
// Threads: plain values and functions; ReplicaWatch has a thread, and its members may be called
// from any. Errors: Unavailable.
//
// Source: ClusterInfo and PeerInfo in server/stream.go of https://github.com/nats-io/nats-server.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "events/values.hpp"

namespace jangbu {

class JetStreamApi;

struct Replica {
  std::string server;              // its name
  bool leads = false;              // the stream
  bool current = false;            // the leader has heard of it lately, and it has everything
  std::uint64_t lag = 0;           // entries of the stream that it lacks, as the leader knows
  std::chrono::nanoseconds ago{};  // when the leader heard of it last
  // How far its own copy reaches, as the server says itself; nothing while it cannot be asked.
  std::optional<Position> end = {};
  // Why what it acknowledges may be lost: it does not fsync first, or is too old.
  std::string weakness = {};

  friend bool operator==(const Replica&, const Replica&) = default;
};

struct Replicas {
  unsigned wanted = 1;        // as the stream is configured
  std::vector<Replica> each;  // by name; fewer or more than wanted while the number is changed
  Position end;               // of the stream, as its leader says
  std::string made;           // when the stream was made: no two of a name have the same

  // Somebody leads, and has heard of so many that these are a majority.
  bool has_majority() const;
  // As many as wanted, each of them current.
  bool all_current() const;
};

// The numbers of copies that a stream of Jangbu may have.
bool is_number_of_replicas(std::uint64_t number);

// From an answer to STREAM.INFO.
Replicas replicas_of(const nlohmann::json& info);

// Asks the stream's leader. Nothing when there is no such stream.
std::optional<Replicas> find_replicas(JetStreamApi& api, const std::string& stream);

// Asks for another number of copies, and nothing else; NATS then makes or removes some, which takes
// its time. Throws Corrupt when it cannot: there are not so many servers.
void set_replicas(JetStreamApi& api, const std::string& stream, unsigned number);

// Asks again and again, so that nobody has to wait for the answer.
class ReplicaWatch {
 public:
  using Ask = std::function<Replicas()>;

  explicit ReplicaWatch(Ask ask, std::chrono::milliseconds every = std::chrono::seconds(5));

  // The last answer; nothing while there is none, or it is too old to be true.
  std::optional<Replicas> replicas() const;

 private:
  void run(const std::stop_token& stop);
  void tell(const Replicas& now);

  const Ask ask_;
  const std::chrono::milliseconds every_;

  mutable std::mutex mutex_;
  std::condition_variable_any stopping_;
  std::optional<Replicas> replicas_;
  std::chrono::steady_clock::time_point answered_;
  std::string told_;  // what is wrong, as last logged

  std::jthread thread_;  // last: it uses everything above
};

}  // namespace jangbu
