// The run's own accounts and products, and what the shop says about them afterwards: over HTTP,
// like any client.
//
// Threads: the run's. Errors: those of ShopCalls.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "api/load/checker.hpp"
#include "api/load/options.hpp"
#include "api/load/plan.hpp"
#include "api/load/shop_calls.hpp"

namespace jangbu::loadgen {

class Stage {
 public:
  // `run`: a name that sets its accounts, products and purchases apart from all others.
  Stage(ShopCalls& calls, std::string run) : calls_(calls), run_(std::move(run)) {}

  // Opens the accounts and lists the products.
  void prepare(const Options& options, const Plan& plan);

  const std::vector<std::string>& buyers() const { return buyers_; }  // ids
  const std::vector<LoadProduct>& products() const { return products_; }

  // The n-th purchase's X-Request-Id and Idempotency-Key. Its event carries it as the correlation.
  std::string mark(std::uint64_t n) const { return prefix() + std::to_string(n); }

  // Waits until the read model has seen everything now in the log, and records what it shows for
  // each product.
  void look_at_stock();

  // Feeds the run's part of the log to the checker, up to what the read model has shown.
  void read_log(Checker& checker, const std::function<void(std::uint64_t events)>& progress);

  // Closes the accounts and withdraws the products. Returns what was refused, for people; empty if
  // nothing was. Throws LoadFailed at the first request that gets no answer.
  std::string tidy_up();

 private:
  std::string prefix() const { return "load-" + run_ + "-"; }
  std::vector<std::string> import_rows(Instances::Service service, const std::string& path,
                                       const std::string& rows);
  void wait_for_read_model(std::uint64_t position);
  std::optional<std::uint64_t> attempt_of(const std::string& correlation) const;

  ShopCalls& calls_;
  const std::string run_;
  std::vector<std::string> buyers_;
  std::vector<LoadProduct> products_;
  std::uint64_t from_ = 0;  // the run's first position in the log
};

}  // namespace jangbu::loadgen
