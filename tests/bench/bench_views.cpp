// Measures the writer's views: memory, look-ups, folding. See README.md.
#include <malloc.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <functional>
#include <iomanip>
#include <iostream>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "projections/views/shop.hpp"
#include "projections/views/snapshot.hpp"
#include "tests/bench/shop_content.hpp"

namespace {

using namespace jangbu;
using namespace jangbu::bench;

constexpr Timestamp at{1'772'357'400'000};
constexpr std::uint64_t commit_events = 100;

double allocated() {
  const auto info = ::mallinfo2();
  return static_cast<double>(info.uordblks + info.hblkhd);
}

double seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void print(const std::string& what, double value, const std::string& unit) {
  std::cout << std::left << std::setw(52) << what << std::right << std::fixed
            << std::setprecision(value < 10 ? 2 : 0) << std::setw(12) << value << ' ' << unit
            << std::endl;
}

// Folds so many events, a hundred to a commit, and tells what each added to the memory, and how
// long it took.
class Filler {
 public:
  explicit Filler(Shop& shop) : shop_(shop) {}

  double fold_all(const std::string& what, std::uint64_t count,
                  const std::function<Event(std::uint64_t)>& event) {
    const double before = allocated();
    double time = 0;
    for (std::uint64_t done = 0; done < count;) {
      Commit commit{at, {}};
      for (; done < count && commit.events.size() < commit_events; ++done) {
        RecordedEvent& recorded = commit.events.emplace_back();
        recorded.envelope.occurred_at = at;
        recorded.event = event(done);
      }
      const std::string payload = encode_commit(commit);
      position_ = position_.next();
      time += seconds([&] {
        fold(shop_, decode({position_, {}, commit_format, payload, {}}), position_);
      });
    }
    const auto each = static_cast<double>(count);
    print(what + ": memory", (allocated() - before) / each, "bytes each");
    print(what + ": decode and fold", time / each * 1e9, "ns each");
    return time;
  }

 private:
  Shop& shop_;
  Position position_;
};

// Accesses in random order.
double ns_each(std::uint64_t count, std::uint64_t below,
               const std::function<void(std::uint64_t)>& access) {
  std::mt19937_64 random(1);
  std::vector<std::uint64_t> numbers(count);
  for (auto& number : numbers) number = random() % below;
  return seconds([&] {
           for (const std::uint64_t number : numbers) access(number);
         }) /
         static_cast<double>(count) * 1e9;
}

struct Flags {
  std::uint64_t accounts = 1'000'000;
  std::uint64_t products = 100'000;
  std::uint64_t purchases = 200'000;
  std::uint64_t keys = 1'000'000;
};

void require(bool holds) {
  if (!holds) throw std::runtime_error("the shop does not hold what was put into it");
}

std::string bytes_of_snapshot(const Shop& shop) {
  std::string bytes;
  write_snapshot({{.events = 1}, shop}, "SHOP", [&](std::string_view part) { bytes += part; });
  return bytes;
}

class TextSource final : public SnapshotSource {
 public:
  explicit TextSource(std::string_view text) : rest_(text) {}
  std::uint64_t left() const override { return rest_.size(); }
  void read(char* to, std::size_t size) override {
    rest_.copy(to, size);
    rest_.remove_prefix(size);
  }

 private:
  std::string_view rest_;
};

void benchmark(const Flags& flags) {
  Shop shop;
  Filler filler(shop);
  const double accounts = filler.fold_all("an account", flags.accounts, [](std::uint64_t number) {
    return account_opened(number, at);
  });
  const double products =
      filler.fold_all("a product with its stock", flags.products,
                      [](std::uint64_t number) { return product_listed(number, at); });
  print("all accounts and products, from commits", accounts + products, "s");
  {
    std::string bytes;
    print("… to a snapshot in memory", seconds([&] { bytes = bytes_of_snapshot(shop); }), "s");
    print("… from it", seconds([&] {
            TextSource source(bytes);
            require(read_snapshot(source, "SHOP", shop.keys.budget()).shop.accounts.size() ==
                    flags.accounts);
          }),
          "s");
    print("… as a copy that shares", seconds([&] { const Shop copy = shop; }) * 1e6, "µs");
  }
  const auto purchase = [&](std::uint64_t number) {
    return purchase_completed(number, number * 7919 % flags.accounts,
                              number * 7919 % flags.products, at);
  };
  filler.fold_all("an open purchase", flags.purchases, purchase);
  filler.fold_all("its scan", flags.purchases, [&](std::uint64_t number) {
    return delivery_scanned(purchase(number), DeliveryStatus::preparing, DeliveryStatus::picked_up,
                            at);
  });

  print("find an account by id",
        ns_each(flags.accounts, flags.accounts,
                [&](std::uint64_t number) {
                  require(shop.accounts.find(account_id(number)).has_value());
                }),
        "ns");
  print("find a stock",
        ns_each(flags.accounts, flags.products,
                [&](std::uint64_t number) {
                  require(shop.stock.find(product_id(number)).has_value());
                }),
        "ns");
  print("find a purchase",
        ns_each(flags.purchases, flags.purchases,
                [&](std::uint64_t number) {
                  require(shop.purchases.find(purchase_id(number)).has_value());
                }),
        "ns");

  const double before = allocated();
  const double time = seconds([&] {
    for (std::uint64_t number = 0; number < flags.keys; ++number) {
      shop.keys.remember(key_hash(number), {{}, {{number / commit_events}, 0}}, at);
      if (number % commit_events == 0) shop.keys.keep(at);
    }
    shop.keys.keep(at);
  });
  const auto keys = static_cast<double>(flags.keys);
  print("a remembered key: memory", (allocated() - before) / keys, "bytes each");
  print("a remembered key", time / keys * 1e9, "ns each");
  print(
      "find a key",
      ns_each(flags.keys, flags.keys,
              [&](std::uint64_t number) { require(shop.keys.find(key_hash(number)).has_value()); }),
      "ns");

  filler.fold_all("a receipt: the purchase leaves", flags.purchases, [&](std::uint64_t number) {
    const PurchaseCompleted completed = purchase(number);
    return ReceiptConfirmed{completed.purchase, completed.buyer, at};
  });
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Memory and speed of the writer's views", "tests/bench/run views"};
  Flags flags;
  app.option_defaults()->always_capture_default();
  app.add_option("--accounts", flags.accounts, "Accounts")->check(CLI::Range(1, 100'000'000));
  app.add_option("--products", flags.products, "Products")->check(CLI::Range(1, 100'000'000));
  app.add_option("--purchases", flags.purchases, "Open ones")->check(CLI::Range(1, 100'000'000));
  app.add_option("--keys", flags.keys, "Remembered ones")->check(CLI::Range(1, 100'000'000));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  try {
    benchmark(flags);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "tests/bench: " << error.what() << '\n';
    return 1;
  }
}
