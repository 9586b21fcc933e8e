#include "api/cli/log_stats.hpp"

#include <algorithm>
#include <iomanip>
#include <sstream>

#include "api/cli/progress.hpp"
#include "events/decoders.hpp"

namespace jangbu::cli {

namespace {

constexpr std::int64_t day_ms = 24 * 60 * 60 * 1000;

std::int64_t day_of(Timestamp time) {
  return time.ms / day_ms - (time.ms % day_ms < 0 ? 1 : 0);
}

std::string one_digit(double number) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(1) << number;
  return text.str();
}

}  // namespace

void LogStats::take(const StoredCommit& stored, const Commit& commit) {
  if (stored.is_void()) return;
  if (commit_events_.empty()) {
    first_ = stored.position;
    first_at_ = commit.committed_at;
  }
  last_ = stored.position;
  last_at_ = commit.committed_at;
  if (const std::int64_t day = day_of(commit.committed_at); day != day_) {
    day_ = day;
    of_this_day_ = &of_day_[to_string(commit.committed_at).substr(0, 10)];
  }
  events_ += commit.events.size();
  *of_this_day_ += commit.events.size();
  for (const RecordedEvent& recorded : commit.events) ++of_type_[recorded.event.index()];
  commit_events_.push_back(static_cast<std::uint32_t>(commit.events.size()));
  commit_bytes_.push_back(static_cast<std::uint32_t>(stored.payload.size()));
}

LogStats::Distribution LogStats::distribution(std::vector<std::uint32_t> values) {
  Distribution found;
  found.count = values.size();
  if (values.empty()) return found;
  std::ranges::sort(values);
  for (const std::uint32_t value : values) found.sum += value;
  found.mean = static_cast<double>(found.sum) / static_cast<double>(found.count);
  const auto percentile = [&](std::size_t part) {
    return values[(values.size() - 1) * part / 100];
  };
  found.p50 = percentile(50);
  found.p99 = percentile(99);
  found.most = values.back();
  return found;
}

// The current decoders are in the variant's order.
std::map<std::string_view, std::uint64_t> LogStats::by_type() const {
  std::map<std::string_view, std::uint64_t> found;
  for (std::size_t type = 0; type < of_type_.size(); ++type)
    if (of_type_[type] > 0) found[current_decoders()[type].wire.name] = of_type_[type];
  return found;
}

std::string LogStats::text() const {
  std::ostringstream text;
  text << grouped(commit_events_.size()) << " commits, " << grouped(events_) << " events\n";
  if (commit_events_.empty()) return text.str();
  const auto table = [&](const auto& counts) {
    for (const auto& [name, count] : counts)
      text << "  " << std::left << std::setw(24) << name << std::right << std::setw(14)
           << grouped(count) << "\n";
  };
  const auto row = [&](const char* name, const Distribution& of) {
    text << "  " << std::left << std::setw(10) << name << std::right << std::setw(16)
         << grouped(of.sum) << std::setw(12) << one_digit(of.mean) << std::setw(10)
         << grouped(of.p50) << std::setw(10) << grouped(of.p99) << std::setw(10) << grouped(of.most)
         << "\n";
  };
  text << "first  commit " << first_.value << ", " << to_string(first_at_) << "\n"
       << "last   commit " << last_.value << ", " << to_string(last_at_) << "\n\n"
       << "Events by type\n";
  table(by_type());
  text << "\nEvents by day of the commit (UTC)\n";
  table(of_day_);
  text << "\nA commit has             sum        mean       p50       p99       max\n";
  row("events", distribution(commit_events_));
  row("bytes", distribution(commit_bytes_));
  return text.str();
}

Json LogStats::json() const {
  const auto counts = [](const auto& of) {
    Json json = Json::object();
    for (const auto& [name, count] : of) json.add(name, count);
    return json;
  };
  const auto sizes = [](const Distribution& of) {
    return Json{{"sum", of.sum},
                {"mean", Json::raw(one_digit(of.mean))},
                {"p50", of.p50},
                {"p99", of.p99},
                {"max", of.most}};
  };
  Json json{{"commits", commit_events_.size()}, {"events", events_}};
  if (!commit_events_.empty()) {
    json.add("first", Json{{"position", first_.value}, {"committedAt", to_string(first_at_)}});
    json.add("last", Json{{"position", last_.value}, {"committedAt", to_string(last_at_)}});
  }
  json.add("byType", counts(by_type()));
  json.add("byDay", counts(of_day_));
  json.add("commitEvents", sizes(distribution(commit_events_)));
  json.add("commitBytes", sizes(distribution(commit_bytes_)));
  return json;
}

}  // namespace jangbu::cli
