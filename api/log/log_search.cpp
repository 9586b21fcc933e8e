#include "api/log/log_search.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include "events/commit.hpp"
#include "infra/log.hpp"

namespace jangbu {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t commits_at_once = 100;

}  // namespace

LogSearch::LogSearch(EventLog& log) : log_(log) {}

void LogSearch::find(Query query, Callback callback) {
  tasks_.add([this, query = std::move(query), callback = std::move(callback)](bool wanted) {
    Result result = Unavailable("too many searches of the log wait");
    try {
      if (wanted) result = look(query);
    } catch (const Unavailable& away) {
      result = away;
    } catch (const Corrupt& corrupt) {
      log::error("the log cannot be searched: {}", corrupt.what());
      result = Unavailable(corrupt.what());
    }
    callback(std::move(result));
  });
}

LogSearch::Found LogSearch::look(const Query& query) {
  Found found;
  found.log_end = log_.last();
  EventId at = query.filter.from;
  std::unique_ptr<LogReader> reader;
  std::size_t commits_read = 0, bytes_read = 0, bytes_found = 0;
  while (at.position <= found.log_end) {
    if (tasks_.stopping()) throw Unavailable("the server is stopping");
    if (commits_read >= most_commits || bytes_read >= most_bytes || !query.is_wanted()) {
      found.next = at;
      return found;
    }
    if (!reader) reader = log_.read_from(at.position);
    const auto commits = reader->next(std::min(commits_at_once, most_commits - commits_read), 2s);
    if (commits.empty()) throw Unavailable("the log does not answer");
    for (const StoredCommit& stored : commits) {
      Commit commit = decode(stored);
      for (std::uint32_t index = 0; index < commit.events.size(); ++index) {
        const EventId id{stored.position, index};
        if (!query.filter.matches(id, commit.events[index])) continue;
        if (found.events.size() == query.limit || bytes_found >= most_bytes_found) {
          found.next = id;
          return found;
        }
        bytes_found += encode(commit.events[index]).size();
        found.events.push_back({id, std::move(commit.events[index]), stored.origin.author});
      }
      bytes_read += stored.payload.size();
      at = {stored.position.next(), 0};
      if (bytes_read >= most_bytes) break;
    }
    commits_read += commits.size();
  }
  return found;
}

}  // namespace jangbu
