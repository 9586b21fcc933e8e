#include "projections/writing/batches.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace jangbu {

namespace {

constexpr std::size_t most_commits_read = 256;
// How long to wait for the log before checking for a stop request.
constexpr std::chrono::milliseconds read_timeout{100};
constexpr std::chrono::seconds longest_silence{5};

}  // namespace

Batches::Batches(EventLog& log, Position after, BatchSize size)
    : reader_(log.read_from(after.next())), size_(size) {}

bool Batches::is_full(const Batch& batch) const {
  return batch.events >= size_.events || batch.bytes >= size_.bytes;
}

bool Batches::read(std::chrono::milliseconds timeout) {
  if (!commits_.empty()) return true;
  auto read = reader_->next(most_commits_read, timeout);
  read_all_ = read.size() < most_commits_read;
  std::move(read.begin(), read.end(), std::back_inserter(commits_));
  return !commits_.empty();
}

void Batches::add_to(Batch& batch, std::optional<Position> limit) {
  while (!commits_.empty() && !is_full(batch)) {
    if (limit && commits_.front().position > *limit) return;
    const StoredCommit stored = std::move(commits_.front());
    commits_.pop_front();
    batch.commits.push_back(decode_with_place(stored));
    batch.events += batch.last().commit.events.size();
    batch.bytes += stored.payload.size();
  }
}

std::optional<Batch> Batches::next(std::optional<Position> limit) {
  Batch batch;
  if (read(read_timeout)) add_to(batch, limit);
  if (batch.commits.empty()) return std::nullopt;
  batch.more = !commits_.empty() || !read_all_;
  return batch;
}

Batch Batches::full(Position limit) {
  Batch batch;
  while (!is_full(batch) && (batch.commits.empty() || batch.last().position < limit)) {
    if (!read(longest_silence)) throw Unavailable("the log does not answer");
    add_to(batch, limit);
  }
  return batch;
}

}  // namespace jangbu
