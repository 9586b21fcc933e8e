// The contents of a log: events by type and by day, sizes of commits. Void ones are none.
//
// Threads: one at a time. Memory: 8 bytes per commit.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "events/commit.hpp"
#include "infra/json.hpp"

namespace jangbu::cli {

class LogStats {
 public:
  struct Distribution {
    std::uint64_t count = 0;
    std::uint64_t sum = 0;
    double mean = 0;
    std::uint32_t p50 = 0;
    std::uint32_t p99 = 0;
    std::uint32_t most = 0;
  };

  void take(const StoredCommit& stored, const Commit& commit);

  std::string text() const;  // for people
  Json json() const;

 private:
  static Distribution distribution(std::vector<std::uint32_t> values);
  std::map<std::string_view, std::uint64_t> by_type() const;

  std::uint64_t events_ = 0;
  std::array<std::uint64_t, std::variant_size_v<Event>> of_type_{};  // by index in the variant
  std::map<std::string, std::uint64_t> of_day_;  // of the commit, in UTC: "2026-03-01"
  std::optional<std::int64_t> day_;              // of the last commit, and its entry
  std::uint64_t* of_this_day_ = nullptr;
  std::vector<std::uint32_t> commit_events_;
  std::vector<std::uint32_t> commit_bytes_;
  Timestamp first_at_;
  Timestamp last_at_;
  Position first_;
  Position last_;
};

}  // namespace jangbu::cli
