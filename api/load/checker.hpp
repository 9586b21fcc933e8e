// Checks that what the clients were told, what the log holds and what the read model shows agree.
// It is fed the log's events of the run, in order, and keeps one byte per attempt.
//
//   Checker checker(attempts, products);
//   for (…) checker.purchased(event);
//   for (const Invariant& invariant : checker.finish()) …
//
// Threads: one at a time. Ownership: attempts and products must outlive it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "api/load/attempt.hpp"
#include "events/values.hpp"

namespace jangbu::loadgen {

// A product of the run.
struct LoadProduct {
  std::string id;
  std::string name;
  std::int64_t listed = 0;  // the stock that it was listed with
  // The stock that the read model shows, and the position it shows it as of.
  std::int64_t shown = 0;
  Position shown_at = {};
};

struct LoggedLine {
  std::string product;  // an id
  std::int64_t quantity = 0;
};

struct LoggedPurchase {
  EventId event;
  PurchaseId purchase;
  std::optional<std::uint64_t> attempt;  // the run's; none: somebody else's
  std::vector<LoggedLine> lines;
};

// `name` is for machines, `detail` a sentence.
struct Invariant {
  std::string name;
  bool ok = true;
  std::string detail;
};

class Checker {
 public:
  Checker(std::span<const Attempt> attempts, std::span<const LoadProduct> products);

  void purchased(const LoggedPurchase& logged);
  // Stock that was returned, received or corrected.
  void stock_changed(Position at, const std::string& product, std::int64_t change);

  std::vector<Invariant> finish();

 private:
  // Counts the violations, and keeps the first few to report.
  class Complaints {
   public:
    void add(const std::string& what);
    Invariant invariant(std::string name, const std::string& if_ok) const;

   private:
    std::uint64_t count_ = 0;
    std::string first_;
  };

  struct Stock {
    std::int64_t now = 0;       // according to the log
    std::int64_t at_shown = 0;  // according to the log, at the position the read model shows
    std::int64_t sold = 0;
  };

  void claim(const LoggedPurchase& logged, std::uint64_t n);
  void move(Position at, std::size_t product, std::int64_t change);

  std::span<const Attempt> attempts_;
  std::span<const LoadProduct> products_;
  std::unordered_map<std::string, std::size_t> product_of_;
  std::vector<Stock> stocks_;
  std::vector<std::uint8_t> times_;  // how often the log has each attempt, up to 255
  Complaints acknowledged_, refused_, uncertain_, stock_, oversold_;
};

}  // namespace jangbu::loadgen
