// Many buyers at once, each on a connection and a thread of its own, who remember what they were
// told.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <future>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/http_client.hpp"
#include "tests/support/shop.hpp"

namespace jangbu::test {

// One purchase of one piece that somebody tried to make, and the answer that settled it.
struct Attempt {
  std::string product;               // id
  int status = 0;                    // 0: no answer
  std::string code;                  // of a refusal
  std::string purchase;              // id, of a 201
  std::uint64_t position = 0;        // likewise
  std::optional<NoReply::How> lost;  // how the last try without an answer ended

  bool bought() const { return status == 201; }
  bool sold_out() const { return status == 409 && code == "insufficient-stock"; }
};

// Threads: one at a time, and the buyers' own.
class Buyers {
 public:
  struct Options {
    std::vector<const ServeProcess*> shops;  // the buyers take turns with them
    std::vector<std::string> products;       // likewise, attempt by attempt
    std::string buyer;                       // account id
    unsigned count = 64;
    std::size_t attempts = std::numeric_limits<std::size_t>::max();
    // Whoever got no answer, or 503, asks again with the same Idempotency-Key until there is one.
    // Otherwise that buyer goes home.
    bool insist = false;
    // Called, on a buyer's thread, with the first answer 201 after so many.
    std::size_t sales_before = 0;
    std::function<void()> then = nullptr;
  };

  explicit Buyers(Options options);
  ~Buyers();
  Buyers(const Buyers&) = delete;
  Buyers& operator=(const Buyers&) = delete;

  std::size_t sales() const { return sales_; }
  std::size_t unavailable() const { return unavailable_; }  // answers 503
  std::size_t lost() const { return lost_; }                // tries without an answer

  // Nobody begins another attempt.
  void enough() { enough_ = true; }
  // Waits until every attempt is settled.
  std::vector<Attempt> settle();

 private:
  std::vector<Attempt> shop(const ServeProcess& shop);
  Attempt settle(HttpClient& purchases, HttpClient& operations, std::size_t number);

  const Options options_;
  const std::string keys_;  // what this crowd's idempotency keys begin with
  std::atomic<std::size_t> begun_{0};
  std::atomic<std::size_t> sales_{0};
  std::atomic<std::size_t> unavailable_{0};
  std::atomic<std::size_t> lost_{0};
  std::atomic<bool> enough_{false};
  std::vector<std::future<std::vector<Attempt>>> buyers_;
};

}  // namespace jangbu::test
