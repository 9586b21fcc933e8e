// A command on its way to the writer, and what became of it.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <variant>

#include "commands/command.hpp"
#include "commands/decision.hpp"
#include "commands/principal.hpp"
#include "events/values.hpp"
#include "projections/views/shop.hpp"

namespace jangbu {

// Recorded, and durable.
struct Recorded {
  EventId event;
  EntityView entity;  // as it is after the event
};

// The command was not decided, or its outcome is not known.
enum class NotDecided {
  not_ready,        // replaying, not active, halted or stopping: nothing was done
  overloaded,       // the queue is full, or the command waited too long: nothing was done
  key_in_flight,    // a command with this idempotency key is being carried out
  outcome_unknown,  // sent to the log, which did not answer in time: repeat it with the same key
  keys_full,        // there is no room to remember its key: nothing was done
};
inline constexpr std::size_t not_decided_count = 5;

struct Outcome {
  Position position;  // at which the result holds; a recorded event is there
  std::variant<Recorded, Unchanged, Repeated, Offer, Refusal, NotDecided> result;
};

struct Submission {
  Command command;
  Conditions conditions;
  Timestamp at;
  std::string correlation;
  Asker asker;
  std::function<void(Outcome)> answer;
};

// A submission that was taken, and the latest moment for its answer.
struct WaitingCommand {
  Submission submission;
  std::chrono::steady_clock::time_point deadline;
};

}  // namespace jangbu
