// The copies of a replicated log: where they are, another number of them, and whether they are the
// same.
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "api/cli/commit_source.hpp"
#include "api/cli/events_tools.hpp"
#include "api/cli/progress.hpp"
#include "api/cli/table.hpp"
#include "api/cli/tool.hpp"
#include "api/cli/verify.hpp"
#include "api/publishing/publisher.hpp"
#include "events/errors.hpp"
#include "infra/eventlog/jetstream_api.hpp"
#include "infra/eventlog/nats_connection.hpp"

namespace jangbu::cli {

using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;

std::string copies_text(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " copy" : " copies");
}

// --- Where they are ------------------------------------------------------------------------------

int show_replicas(JetStreamLog& log) {
  const Replicas replicas = log.ask_replicas();
  std::vector<Row> rows{{"SERVER", "ROLE", "STATE", "BEHIND", "HEARD OF"}};
  for (const Replica& replica : replicas.each)
    rows.push_back(
        {replica.server, replica.leads ? "leads" : "follows",
         replica.current ? "current" : "behind", grouped(replica.lag),
         replica.leads ? "-" : grouped(static_cast<std::uint64_t>(replica.ago / 1ms)) + " ms ago"});
  print_rows(std::move(rows));
  flush_output();
  if (!replicas.has_majority()) throw Failure("the leader does not hear of a majority");
  if (!replicas.all_current())
    throw Failure("not all of the " + copies_text(replicas.wanted) +
                  " that are wanted are there and current (docs/cluster.md)");
  return 0;
}

// --- Another number of them ----------------------------------------------------------------------

// A cluster that has just been started, or has lost a leader, answers again after an election.
constexpr auto longest_unanswered = 30s;
constexpr auto longest_standstill = 120s;
constexpr auto between_looks = 250ms;

class ChangeOfReplicas {
 public:
  ChangeOfReplicas(const EventsFlags& flags, const StopSignals& stop)
      : connection_(flags.log.url, "changes replicas", 5s),
        api_(connection_, 5s),
        number_(flags.replicas),
        stop_(stop) {}

  // False when there is no such stream.
  bool of(const std::string& stream) {
    if (!patiently([&] { return find_replicas(api_, stream); })) return false;
    patiently([&] {
      set_replicas(api_, stream, number_);
      return true;
    });
    await_copies(stream);
    return true;
  }

 private:
  template <class Call>
  std::invoke_result_t<Call> patiently(Call call) {
    for (const auto deadline = Clock::now() + longest_unanswered;;) {
      stop_.check();
      try {
        return call();
      } catch (const Unavailable& away) {
        if (Clock::now() > deadline) throw Failure(away.what());
        ::poll(nullptr, 0, static_cast<int>(between_looks / 1ms));
      } catch (const Corrupt& impossible) {
        throw Failure(impossible.what());
      }
    }
  }

  void await_copies(const std::string& stream) {
    std::optional<Progress> progress;
    std::uint64_t least_lag = UINT64_MAX;
    for (auto moved = Clock::now();;) {
      const auto now = patiently([&] { return find_replicas(api_, stream); });
      if (!now) throw Failure("stream " + stream + " does not exist any more");
      if (now->all_current() && now->wanted == number_) return;
      std::uint64_t lag = 0;
      std::string late;
      for (const Replica& replica : now->each) {
        lag = std::max(lag, replica.lag);
        if (!replica.current) late += (late.empty() ? "" : ", ") + replica.server;
      }
      if (lag < least_lag) {
        least_lag = lag;
        moved = Clock::now();
      }
      if (Clock::now() - moved > longest_standstill)
        throw Failure("stream " + stream + " was told to have " + copies_text(number_) + ", but " +
                      (late.empty() ? "it has " + copies_text(now->each.size())
                                    : "the copy on " + late + " does not get any further") +
                      ": the logs of the nats-servers say why. The change stays ordered; `jangbu "
                      "events replicas` shows how far it is");
      if (!progress) progress.emplace("copying " + stream, "entries", now->end.value);
      progress->show(now->end.value - std::min(lag, now->end.value));
      ::poll(nullptr, 0, static_cast<int>(between_looks / 1ms));
    }
  }

  NatsConnection connection_;
  JetStreamApi api_;
  const unsigned number_;
  const StopSignals& stop_;
};

}  // namespace

int run_replicas(const EventsFlags& flags) {
  const StopSignals stop;
  const auto log = open_existing_log(flags.log);
  if (flags.replicas == 0) return show_replicas(*log);
  ChangeOfReplicas change(flags, stop);
  // The log, what is published of it, and what webhooks have refused.
  for (const std::string& stream :
       {flags.log.stream, public_stream_name(flags.log.stream), flags.log.stream + "_PARKED"})
    if (change.of(stream)) print(stream + ": " + copies_text(flags.replicas) + ", all current\n");
  return 0;
}

// --- Whether they are the same -------------------------------------------------------------------

namespace {

// The copy on one server, commit by commit.
class Copy {
 public:
  Copy(JetStreamLog& log, const std::string& on, Position last, const StopSignals& stop)
      : server(on),
        range_([&log, on](Position from) { return log.read_copy(on, from); }, {1}, last, stop) {}

  const std::string server;

  // The next commit; nothing when this copy lacks it, and then `why` says more.
  std::optional<StoredCommit> next(std::string& why) {
    if (ahead_.empty()) {
      try {
        for (StoredCommit& commit : range_.next()) ahead_.push_back(std::move(commit));
      } catch (const Corrupt& missing) {
        why = missing.what();
        return std::nullopt;
      }
    }
    if (ahead_.empty()) return std::nullopt;
    StoredCommit commit = std::move(ahead_.front());
    ahead_.pop_front();
    return commit;
  }

 private:
  LogRange range_;
  std::deque<StoredCommit> ahead_;
};

bool is_same(const std::optional<StoredCommit>& a, const std::optional<StoredCommit>& b) {
  if (!a || !b) return !a && !b;
  return a->position == b->position && a->id == b->id && a->format == b->format &&
         a->payload == b->payload && a->origin == b->origin;
}

}  // namespace

std::vector<std::string> compare_copies(JetStreamLog& log, Position last, const StopSignals& stop) {
  const Replicas replicas = log.ask_replicas();
  std::vector<std::unique_ptr<Copy>> copies;
  for (const Replica& replica : replicas.each)
    copies.push_back(std::make_unique<Copy>(log, replica.server, last, stop));

  std::vector<std::string> problems;
  Progress progress("comparing " + copies_text(copies.size()), "commits", last.value);
  for (Position at{1}; at <= last && problems.size() < Verifier::most_problems; at = at.next()) {
    stop.check();
    progress.show(at.value);
    std::vector<std::optional<StoredCommit>> found;
    std::vector<std::string> why(copies.size());
    for (std::size_t i = 0; i < copies.size(); ++i) found.push_back(copies[i]->next(why[i]));
    const auto sharing = [&](const std::optional<StoredCommit>& one) {
      return one ? std::ranges::count_if(found,
                                         [&](const auto& other) { return is_same(one, other); })
                 : 0;
    };
    const auto right = std::ranges::max_element(found, {}, sharing);
    for (std::size_t i = 0; i < copies.size(); ++i) {
      const std::string where = std::to_string(at.value) + ": the copy on " + copies[i]->server;
      if (!found[i])
        problems.push_back(where + " lacks the commit: " + why[i]);
      else if (!is_same(found[i], *right))
        problems.push_back(where + " has another commit than that on " +
                           copies[static_cast<std::size_t>(right - found.begin())]->server);
    }
  }
  progress.erase();
  print(copies_text(copies.size()) + " of " + commits_text(last.value) + " compared:");
  for (const auto& copy : copies) print(" " + copy->server);
  print("\n");
  return problems;
}

}  // namespace jangbu::cli
