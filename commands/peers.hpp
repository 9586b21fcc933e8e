// What the instances that share one log tell each other, to find out who of them is active. None of
// it decides who may write: the log's fence alone does. docs/cluster.md describes the protocol.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "events/event_log.hpp"
#include "events/values.hpp"

namespace jangbu {

// Who is active, as far as an instance knows.
struct Standing {
  bool active = false;  // this instance itself
  Position term;        // of the active instance; 0: nobody is known to be active
  InstanceId instance;  // the active one, and its name
  std::string name;
  Timestamp since = {};  // when its term began

  friend bool operator==(const Standing&, const Standing&) = default;
};

// What a standby tells when it asks who is active.
struct StandbyTells {
  Author author;
  Position term;      // that it knows of
  Position position;  // up to which it has folded the log
  bool eligible = false;
};

// What the active instance answers.
struct ActiveTells {
  Author author;
  Position term;
  Timestamp since;  // when the term began
  Position position;
  std::chrono::milliseconds unanswered{0};  // how long an append has gone without an answer
  std::string agreement;                    // a digest of what must be the same everywhere
  Timestamp now;
};

// Carries these between instances.
//
// Threads: one at a time, but wake() from any.
class Peers {
 public:
  virtual ~Peers() = default;

  // Something that arrived.
  struct Arrived {
    std::optional<StandbyTells> asked = {};               // a standby asks,
    std::function<void(const ActiveTells&)> answer = {};  // and is answered by this
    std::optional<ActiveTells> heard = {};                // the active instance answers
    bool not_understood = false;  // somebody is active, who shares no secret with this instance
    // None of these: nobody was there to answer.
  };

  // Asks whoever is active; the answer arrives later, if at all.
  virtual void ask(const StandbyTells& tells) = 0;
  // From now on asks of standbys arrive here, or no longer do.
  virtual void listen(bool active) = 0;
  // What arrived; empty at `until`, or after wake().
  virtual std::optional<Arrived> next(std::chrono::steady_clock::time_point until) = 0;
  virtual void wake() = 0;
};

}  // namespace jangbu
