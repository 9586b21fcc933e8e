// Whether this process can take work, and the state of each of its parts.
//
// Threads: any. Ownership: the parts outlive it.
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "api/http/message.hpp"

namespace jangbu {

class Projector;
class Publisher;
class ReadModels;
class ReplicaWatch;
class Writer;

class Readiness {
 public:
  struct Parts {
    const Writer* writer;  // null when another process takes commands
    const ReadModels& read_models;
    const Projector* projector;             // null when another process projects
    const Publisher* publisher;             // null when another process publishes
    std::function<std::string()> log_away;  // why the log is away; empty while it is there
    const ReplicaWatch& replicas;           // of the log
  };

  explicit Readiness(Parts parts);

  // 200, or 503 when it cannot take work. Commands need the writer, but not the database; so once
  // the read models have been up, losing the database makes this degraded, not unready. Without a
  // writer all work is queries.
  http::Response answer();

 private:
  const Parts parts_;
  std::atomic<bool> began_ = false;  // the read models have been up since this process started
};

}  // namespace jangbu
