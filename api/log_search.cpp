#include "api/log_search.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "events/commit.hpp"

namespace jangbu {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t commits_at_once = 500;

}  // namespace

LogSearch::LogSearch(EventLog& log) : log_(log) {}

void LogSearch::find(Query query, Callback callback) {
  tasks_.add([this, query = std::move(query), callback = std::move(callback)](bool wanted) {
    if (!wanted) return callback(Unavailable("too many searches of the log wait"));
    try {
      callback(look(query));
    } catch (const Unavailable& away) {
      callback(away);
    } catch (const Corrupt& corrupt) {
      spdlog::error("the log cannot be searched: {}", corrupt.what());
      callback(Unavailable(corrupt.what()));
    }
  });
}

LogSearch::Found LogSearch::look(const Query& query) {
  Found found;
  found.log_end = log_.last();
  Position at = query.filter.from.position;
  if (at > found.log_end) return found;
  const auto reader = log_.read_from(at);
  for (std::size_t looked_at = 0; at <= found.log_end;) {
    const auto commits = reader->next(std::min(commits_at_once, most_commits - looked_at), 2s);
    if (commits.empty()) throw Unavailable("the log does not answer");
    if (tasks_.stopping()) throw Unavailable("the server is stopping");
    for (const StoredCommit& stored : commits) {
      Commit commit = decode(stored);
      for (std::uint32_t index = 0; index < commit.events.size(); ++index) {
        const EventId id{stored.position, index};
        if (!query.filter.matches(id, commit.events[index].event)) continue;
        if (found.events.size() == query.limit) {
          found.next = id;
          return found;
        }
        found.events.push_back({id, std::move(commit.events[index])});
      }
      at = stored.position.next();
    }
    looked_at += commits.size();
    if (looked_at >= most_commits && at <= found.log_end) {
      found.next = EventId{at, 0};
      return found;
    }
  }
  return found;
}

}  // namespace jangbu
