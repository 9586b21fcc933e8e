#include "tests/bench/log_filler.hpp"

#include <chrono>
#include <cstring>
#include <stdexcept>
#include <utility>
#include <variant>

namespace jangbu::bench {

using namespace std::chrono_literals;

EventId LogFiller::add(Event event, std::optional<CommandKey> key) {
  const EventId id{{commits_ + 1}, static_cast<std::uint32_t>(commit_.events.size())};
  commit_.events.push_back({{now(), key, {}, {}, {}}, std::move(event)});
  ++events_;
  if (commit_.events.size() == 250) append();
  return id;
}

void LogFiller::append() {
  if (commit_.events.empty()) return;
  commit_.committed_at = now();
  CommitId id;
  ++commits_;
  std::memcpy(id.bytes.data(), &commits_, sizeof commits_);
  const auto result = log_.append(Position{commits_ - 1}, {id, encode_commit(commit_)}, 10s);
  if (!std::holds_alternative<Appended>(result))
    throw std::runtime_error("a commit could not be appended to the log");
  commit_.events.clear();
}

}  // namespace jangbu::bench
