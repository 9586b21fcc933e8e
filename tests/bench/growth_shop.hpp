// The shop that grows: a log of so many events whose rows are as uneven as those of a real shop,
// and every kind of list query with what it must answer.
//
// Nearly all purchases are received; the newest hundredth is on its way; a few at the far old end
// were cancelled, came back or are stuck for ever. One buyer makes every tenth purchase, another
// made only three of the first, all others some ten each; one product's stock changes all the time.
// A plan that reads past rows which do not fit reads more of them the more there are.
//
// Threads: one at a time. Errors: std::runtime_error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "events/event_log.hpp"
#include "events/values.hpp"
#include "tests/bench/bench_shop.hpp"

namespace jangbu::bench {

class LogFiller;

struct Question {
  std::string target;
  std::size_t items;  // how many there must be in the answer
  std::string first;  // the id of the first; empty: any
};

struct ListKind {
  std::string section;
  std::string name;
  test::Service service;
  std::vector<Question> questions;  // as many as make a difference
};

class GrowthShop {
 public:
  // REQUIRES: an empty log, which it fills with about so many events.
  GrowthShop(EventLog& log, std::uint64_t events);

  std::uint64_t events() const { return events_; }
  std::uint64_t commits() const { return commits_; }
  std::uint64_t purchases() const { return bought_.size(); }
  Catalogue catalogue() const;
  std::vector<ListKind> lists() const;

 private:
  struct Bought {
    std::uint32_t buyer;
    DeliveryStatus status;
  };
  void add(std::uint64_t number, LogFiller& filler);
  std::vector<ListKind> of_purchases() const;
  std::vector<ListKind> of_deliveries() const;
  std::vector<ListKind> of_names() const;
  std::vector<ListKind> of_events() const;

  const std::uint64_t accounts_;
  const std::uint64_t products_;
  std::vector<Bought> bought_;
  std::vector<EventId> stock_changes_;
  std::uint64_t events_ = 0;
  std::uint64_t commits_ = 0;
};

}  // namespace jangbu::bench
