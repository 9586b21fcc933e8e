// What access control and TLS cost the shop: purchases a second without either, with access keys,
// with tokens of many buyers, and over TLS. See README.md.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <exception>
#include <iomanip>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "infra/ids.hpp"
#include "tests/access/fake_provider.hpp"
#include "tests/access/signing_key.hpp"
#include "tests/bench/bench_shop.hpp"
#include "tests/bench/machine.hpp"
#include "tests/bench/report.hpp"
#include "tests/support/access_keys.hpp"
#include "tests/support/files.hpp"

namespace {

using namespace jangbu;
using namespace jangbu::bench;
using access::test::FakeProvider;
using access::test::SigningKey;
using test::Json;
using test::ServeProcess;
using test::Service;

struct Flags {
  int seconds = 5;
  int repetitions = 3;
  std::size_t connections = 64;
  std::size_t buyers = 1'000;
  std::size_t products = 10'000;
};

constexpr auto warm_up = std::chrono::milliseconds(500);
constexpr std::size_t loading_connections = 16;

// --- Those who ask -------------------------------------------------------------------------------

std::string authorization(const std::string& credential) {
  return "Authorization: Bearer " + credential + "\r\n";
}

// A buyer with a token of its own. All tokens have one length.
struct Buyer {
  std::string token;
  std::string account;
};

class Buyers {
 public:
  explicit Buyers(std::size_t count) {
    provider_.list({key_});
    const std::int64_t now = system_now().ms / 1'000;
    for (std::size_t i = 0; i < count; ++i) {
      const std::string number = std::to_string(1'000'000 + i);
      buyers.push_back(
          {access::test::token({{"alg", "ES256"}, {"typ", "at+jwt"}, {"kid", key_.id()}},
                               {{"iss", provider_.url()},
                                {"sub", "buyer-" + number},
                                {"aud", "jangbu"},
                                {"client_id", "bench"},
                                {"jti", number},
                                {"iat", now},
                                {"exp", now + 12 * 3'600},
                                {"roles", {"buyer"}}},
                               key_),
           {}});
    }
  }

  std::string table() const {
    return "[issuers.bench]\nurl = \"" + provider_.url() +
           "\"\naudience = \"jangbu\"\nroles = [\"buyer\"]\n";
  }

  std::vector<Buyer> buyers;

 private:
  const SigningKey key_ = SigningKey::p256("bench");
  FakeProvider provider_;
};

// --- The shop ------------------------------------------------------------------------------------

struct Variant {
  std::string name;
  bool keys = false;
  bool tokens = false;
  bool tls = false;
  Series per_second = {};
};

class AccessShop {
 public:
  explicit AccessShop(const Flags& flags)
      : flags_(flags), database_(servers_.postgres.create_database()), buyers_(flags.buyers) {
    keys_.add("clerk", "role = \"clerk\"");
    test::write_text(config_, buyers_.table());
    const auto shop = start({.name = "setting up", .keys = true, .tokens = true});
    open_accounts(*shop);
    list_products(*shop);
  }

  double purchases_per_second(const Variant& variant) {
    const auto shop = start(variant);
    std::map<int, std::uint64_t> refused;
    const Measured measured = run({.port = shop->port(Service::purchase),
                                   .connections = flags_.connections,
                                   .next = purchases(variant),
                                   .answered =
                                       [&](int status, std::string_view) {
                                         if (status != 201) ++refused[status];
                                       },
                                   .warm_up = warm_up,
                                   .time = std::chrono::seconds(flags_.seconds),
                                   .tls = variant.tls});
    for (const auto& [status, count] : refused)
      throw std::runtime_error(variant.name + ": " + std::to_string(count) + " answers " +
                               std::to_string(status));
    return measured.per_second();
  }

 private:
  std::unique_ptr<ServeProcess> start(const Variant& variant) const {
    std::vector<std::string> flags{"--no-projector", "--no-publisher"};
    if (variant.keys) flags.insert(flags.end(), {"--access-keys", keys_.path()});
    if (variant.tokens) flags.insert(flags.end(), {"--config", config_.string()});
    std::optional<test::TlsClient::Options> tls;
    if (variant.tls) {
      const auto [certificate, key, no_clients] = certificates_.paths();
      flags.insert(flags.end(), {"--tls-certificate", certificate, "--tls-key", key});
      tls.emplace();
    }
    if (variant.name == "setting up") flags.erase(flags.begin());  // the tables are made
    return std::make_unique<ServeProcess>(
        ServeProcess::Options{.nats_url = servers_.nats.url(),
                              .nats_monitor_url = servers_.nats.monitor_url(),
                              .database = database_,
                              .flags = std::move(flags),
                              .tls = std::move(tls)});
  }

  void open_accounts(const ServeProcess& shop) {
    auto client = shop.client(Service::account);
    for (std::size_t i = 0; i < buyers_.buyers.size(); ++i) {
      Buyer& buyer = buyers_.buyers[i];
      const test::Reply reply = client.post(
          "/accounts",
          {{"name", "Buyer " + std::to_string(i)},
           {"address", {{"line", "1 Sejong-daero, Jongno-gu, Seoul"}, {"zipCode", "03172"}}}},
          {{"Authorization", "Bearer " + buyer.token}});
      if (reply.status != 201) throw std::runtime_error("no account: " + reply.body);
      buyer.account = reply.json.at("id");
    }
  }

  void list_products(const ServeProcess& shop) {
    std::size_t begun = 0;
    run({.port = shop.port(Service::product),
         .connections = loading_connections,
         .next =
             [&](std::string& request) {
               if (begun == flags_.products) return false;
               const Json body{{"name", "Product " + std::to_string(++begun)},
                               {"unitPrice", {{"amount", 12'900}, {"currency", "KRW"}}},
                               {"stock", 1'000'000'000}};
               request = post_request("/products", body.dump(), authorization(keys_.key("clerk")));
               return true;
             },
         .answered =
             [&](int status, std::string_view answer) {
               if (status != 201) throw std::runtime_error("no product: " + std::string(answer));
               products_.push_back(Json::parse(answer).at("id"));
             }});
  }

  // Written over in place, as all ids and tokens have one length.
  std::function<bool(std::string&)> purchases(const Variant& variant) {
    const Buyer& first = buyers_.buyers.front();
    const std::string fields = variant.tokens ? authorization(first.token)
                               : variant.keys ? authorization(keys_.key("clerk"))
                                              : std::string();
    const std::string pattern =
        post_request("/purchases",
                     R"({"buyerId":")" + first.account + R"(","productId":")" + products_.front() +
                         R"(","quantity":1})",
                     fields);
    const std::size_t token_at = pattern.find(first.token), buyer_at = pattern.find(first.account),
                      product_at = pattern.find(products_.front());
    return [this, pattern, token_at, buyer_at, product_at](std::string& request) {
      if (request.empty()) request = pattern;
      const Buyer& buyer = buyers_.buyers[random_() % buyers_.buyers.size()];
      const auto write = [&](std::size_t at, const std::string& text) {
        std::ranges::copy(text, request.begin() + static_cast<std::ptrdiff_t>(at));
      };
      if (token_at != pattern.npos) write(token_at, buyer.token);
      write(buyer_at, buyer.account);
      write(product_at, products_[random_() % products_.size()]);
      return true;
    };
  }

  const Flags flags_;
  Servers servers_;
  const std::string database_;
  test::TemporaryFolder folder_;
  test::KeyFile keys_{folder_.path() / "keys.toml"};
  const std::filesystem::path config_ = folder_.path() / "jangbu.toml";
  const test::CertificateFiles certificates_;
  Buyers buyers_;
  std::vector<std::string> products_;
  std::mt19937_64 random_{1};
};

void measure(const Flags& flags) {
  const test::TemporaryFolder folder;
  const Machine machine = inspect_machine(folder.path());
  std::cout << machine.processors << " × " << machine.model << ", fdatasync of 4 KiB "
            << machine.sync_p50_ms << " ms, load " << machine.load_average << "; "
            << flags.connections << " connections, " << flags.buyers << " buyers, "
            << flags.repetitions << " rounds of " << flags.seconds << " s\n";
  AccessShop shop(flags);
  std::vector<Variant> variants{{.name = "neither"},
                                {.name = "access key", .keys = true},
                                {.name = "tokens", .tokens = true},
                                {.name = "TLS", .tls = true},
                                {.name = "TLS and tokens", .tokens = true, .tls = true}};
  for (int round = 1; round <= flags.repetitions; ++round)
    for (Variant& variant : variants) {
      std::cerr << "round " << round << ": " << variant.name << std::endl;
      variant.per_second.add(shop.purchases_per_second(variant));
    }
  const double neither = variants.front().per_second.median();
  std::cout << std::left << std::setw(18) << "" << std::right << std::setw(14) << "purchases/s"
            << std::setw(14) << "least" << std::setw(14) << "most" << std::setw(10) << "share"
            << "\n";
  for (const Variant& variant : variants) {
    const Series& series = variant.per_second;
    std::cout << std::left << std::setw(18) << variant.name << std::right << std::setw(14)
              << grouped(series.median()) << std::setw(14) << grouped(series.least())
              << std::setw(14) << grouped(series.most()) << std::setw(8)
              << std::lround(100 * series.median() / neither) << " %\n";
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"What access control and TLS cost", "tests/bench/run access"};
  Flags flags;
  app.option_defaults()->always_capture_default();
  app.add_option("--seconds", flags.seconds, "Length of a round")->check(CLI::Range(1, 3600));
  app.add_option("--repetitions", flags.repetitions, "Rounds of each kind")
      ->check(CLI::Range(1, 100));
  app.add_option("--connections", flags.connections, "Clients")->check(CLI::Range(1, 256));
  app.add_option("--buyers", flags.buyers, "Buyers, each with a token")
      ->check(CLI::Range(1, 100'000));
  app.add_option("--products", flags.products, "Products")->check(CLI::Range(1, 1'000'000));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  try {
    measure(flags);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "tests/bench: " << error.what() << '\n';
    return 1;
  }
}
