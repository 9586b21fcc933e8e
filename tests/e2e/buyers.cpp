#include "tests/e2e/buyers.hpp"

#include <iterator>

#include "infra/ids.hpp"

namespace jangbu::test {

namespace {

bool takes_commands(HttpClient& operations) {
  try {
    return operations.get("/health/ready").status == 200;
  } catch (const NoReply&) {
    return false;
  }
}

}  // namespace

Buyers::Buyers(Options options) : options_(std::move(options)), keys_(to_string(new_uuid()) + "-") {
  for (unsigned i = 0; i < options_.count; ++i)
    buyers_.push_back(std::async(std::launch::async, [this, i] {
      return shop(*options_.shops[i % options_.shops.size()]);
    }));
}

Buyers::~Buyers() {
  enough();
  for (auto& buyer : buyers_)
    if (buyer.valid()) buyer.wait();
}

std::vector<Attempt> Buyers::settle() {
  std::vector<Attempt> all;
  for (auto& buyer : buyers_) {
    auto attempts = buyer.get();
    std::move(attempts.begin(), attempts.end(), std::back_inserter(all));
  }
  return all;
}

std::vector<Attempt> Buyers::shop(const ServeProcess& shop) {
  std::vector<Attempt> attempts;
  HttpClient purchases = shop.client(Service::purchase);
  HttpClient operations = shop.client(Service::operations);
  while (!enough_) {
    const std::size_t number = begun_++;
    if (number >= options_.attempts) break;
    attempts.push_back(settle(purchases, operations, number));
    if (attempts.back().lost && !options_.insist) break;
  }
  return attempts;
}

Attempt Buyers::settle(HttpClient& purchases, HttpClient& operations, std::size_t number) {
  Attempt attempt;
  attempt.product = options_.products[number % options_.products.size()];
  const Json body{{"buyerId", options_.buyer}, {"productId", attempt.product}, {"quantity", 1}};
  const HttpClient::Fields fields{{"Idempotency-Key", keys_ + std::to_string(number)}};
  for (;;) {
    try {
      const Reply reply = purchases.post("/purchases", body, fields);
      attempt.status = reply.status;
      attempt.code = reply.code();
      if (attempt.bought()) {
        attempt.purchase = reply.json.at("id").get<std::string>();
        attempt.position = reply.position();
        if (sales_++ == options_.sales_before && options_.then) options_.then();
      }
      if (reply.status == 503) ++unavailable_;
      const bool again = reply.status == 503 || attempt.code == "idempotency-key-in-flight";
      if (!again || !options_.insist) return attempt;
    } catch (const NoReply& none) {
      attempt.lost = none.how;
      ++lost_;
      if (!options_.insist) return attempt;
    }
    wait_until(
        "a shop that takes commands", [&] { return takes_commands(operations); }, 60s);
  }
}

}  // namespace jangbu::test
