#include "api/serve/gate.hpp"

#include <poll.h>

#include <optional>
#include <span>
#include <stdexcept>
#include <vector>

#include "api/jobs/snapshot_file.hpp"
#include "api/publishing/publisher.hpp"
#include "events/errors.hpp"
#include "infra/log.hpp"
#include "infra/postgres/connection.hpp"
#include "projections/writing/checkpoints.hpp"

namespace jangbu {

namespace {

// What the read models, the snapshot or other teams have seen, and the log does not hold. If they
// have seen anything, a missing stream means that the log was lost.
template <class Seen>
std::optional<std::string> missing_from(EventLog& log, const std::string& who, const Seen& seen) {
  try {
    return contradiction(seen, log);
  } catch (const Corrupt& corrupt) {
    return who + " seen a log that is not here: " + corrupt.what();
  }
}

// A cluster that has just been started, or has lost its leader, answers after an election.
std::vector<GateFinding> inspect(JetStreamLog& log, std::chrono::seconds wait) {
  const auto deadline = std::chrono::steady_clock::now() + wait;
  for (;;) {
    try {
      return log.inspect();
    } catch (const Unavailable& away) {
      if (std::chrono::steady_clock::now() > deadline) throw;
      log::warn("waiting for the event log: {}", away.what());
      ::poll(nullptr, 0, 1'000);
    }
  }
}

constexpr const char* right_log =
    ". Restore the log from a backup, or name the right one with --nats-url and --stream; or, if "
    "this log is the right one, ";

std::vector<Checkpoint> checkpoints_in(const std::string& conninfo, const std::string& flag,
                                       std::chrono::seconds wait) {
  const auto deadline = std::chrono::steady_clock::now() + wait;
  for (;;) {
    try {
      pg::Connection connection = pg::connect_to_read({.conninfo = conninfo});
      return read_checkpoints(connection);
    } catch (const Unavailable& away) {
      if (std::chrono::steady_clock::now() > deadline)
        throw std::runtime_error(std::string("PostgreSQL cannot be reached: ") + away.what() +
                                 ". Check " + flag);
      log::warn("waiting for PostgreSQL: {}", away.what());
      ::poll(nullptr, 0, 1'000);
    }
  }
}

}  // namespace

std::unique_ptr<JetStreamLog> open_log(const JetStreamOptions& options, bool accept_weak_durability,
                                       std::chrono::seconds wait) {
  auto log = JetStreamLog::connect(options, wait);
  bool refused = false;
  for (const GateFinding& finding : inspect(*log, wait)) {
    using Weight = GateFinding::Weight;
    if (finding.weight == Weight::warning) {
      log::warn("{}: {}", to_string(finding.code), finding.text);
    } else if (finding.weight == Weight::weak_durability && accept_weak_durability) {
      log::warn("accepted by --accept-weak-durability: {}", finding.text);
    } else {
      log::error("{}: {}", to_string(finding.code), finding.text);
      refused = true;
    }
  }
  if (refused) throw Corrupt("the event log is not fit to be appended to, see above");
  return log;
}

void check_database(const std::string& conninfo, const std::string& flag, std::chrono::seconds wait,
                    EventLog& log) {
  const std::vector<Checkpoint> checkpoints = checkpoints_in(conninfo, flag, wait);
  if (const auto wrong = missing_from(log, "the read models have", std::span(checkpoints)))
    throw std::runtime_error(*wrong + right_log +
                             "an empty database with --database, which will be filled from it");
}

void check_snapshot(const SnapshotFile& snapshots, EventLog& log) {
  const auto mark = snapshots.mark();
  if (!mark) return;
  if (const auto wrong = missing_from(log, "the snapshot has", *mark))
    throw std::runtime_error(*wrong + right_log + "remove " + snapshots.path().string() +
                             ", and all of it will be replayed");
}

void check_public_stream(const PublicStreamOptions& options, EventLog& log) {
  std::optional<LastPublished> last;
  try {
    PublicStream stream(options, std::chrono::milliseconds(0));
    const auto state = stream.find();
    if (!state || state->last == 0) return;
    last = read_last(stream, *state);
  } catch (const Unavailable& away) {
    log::warn("whether stream {} belongs to this log cannot be told: {}", options.stream,
              away.what());
  } catch (const Corrupt&) {
    // The publisher will say so.
  }
  if (!last) return;
  if (const auto wrong = missing_from(log, "other teams have", *last))
    throw std::runtime_error("stream " + options.stream + ": " + *wrong + right_log +
                             "remove the stream with `nats stream rm " + options.stream +
                             "`, and it begins anew, as those who read it must");
}

}  // namespace jangbu
