#include "tests/bench/bench_shop.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <utility>
#include <variant>

#include "events/commit.hpp"
#include "infra/eventlog/jetstream_log.hpp"
#include "infra/postgres/connection.hpp"
#include "tests/http/client.hpp"

namespace jangbu::bench {

using namespace std::chrono_literals;
using test::Json;
using test::Service;

namespace {

constexpr std::int64_t stock = 1'000'000'000;
constexpr auto catch_up_deadline = 30min;
constexpr auto warm_up = 500ms;
constexpr std::size_t loading_connections = 64;

test::ServeProcess::Options options(const Servers& servers, std::string database,
                                    std::vector<std::string> flags,
                                    const test::CertificateFiles* certificates) {
  std::optional<test::TlsClient::Options> tls;
  if (certificates) {
    const auto [certificate, key, no_clients] = certificates->paths();
    flags.insert(flags.end(), {"--tls-certificate", certificate, "--tls-key", key});
    tls.emplace();
  }
  return {.nats_url = servers.nats.url(),
          .nats_monitor_url = servers.nats.monitor_url(),
          .database = std::move(database),
          .flags = std::move(flags),
          .tls = std::move(tls)};
}

std::string account_body(std::size_t number) {
  const std::string text = std::to_string(number);
  return Json{
      {"name", "Buyer " + text},
      {"address", {{"line", text + " Sejong-daero, Jongno-gu, Seoul"}, {"zipCode", "03172"}}}}
      .dump();
}

std::string product_body(std::size_t number) {
  return Json{{"name", "Product " + std::to_string(number)},
              {"unitPrice", {{"amount", 12'900}, {"currency", "KRW"}}},
              {"stock", stock}}
      .dump();
}

class PurchaseRequests {
 public:
  PurchaseRequests(const Catalogue& catalogue, bool hot, bool keys, std::mt19937_64& random)
      : catalogue_(catalogue),
        products_(hot ? 1 : catalogue.products.size()),
        random_(random),
        pattern_(post_request("/purchases",
                              R"({"buyerId":")" + catalogue.accounts.front() +
                                  R"(","productId":")" + catalogue.products.front() +
                                  R"(","quantity":1})",
                              keys ? "Idempotency-Key: " + key(0) + "\r\n" : "")),
        buyer_at_(pattern_.find(catalogue.accounts.front())),
        product_at_(pattern_.find(catalogue.products.front())),
        key_at_(pattern_.find(key(0))) {}

  bool operator()(std::string& request) {
    if (request.empty()) request = pattern_;
    if (key_at_ != pattern_.npos) write(request, key_at_, key(random_()));
    write(request, buyer_at_, catalogue_.accounts[random_() % catalogue_.accounts.size()]);
    write(request, product_at_, catalogue_.products[random_() % products_]);
    return true;
  }

 private:
  static std::string key(std::uint64_t number) {
    std::string digits(16, '0');
    for (char& digit : digits) {
      digit = "0123456789abcdef"[number & 15];
      number >>= 4;
    }
    return digits;
  }

  static void write(std::string& request, std::size_t at, const std::string& id) {
    std::ranges::copy(id, request.begin() + static_cast<std::ptrdiff_t>(at));
  }

  const Catalogue& catalogue_;
  const std::size_t products_;
  std::mt19937_64& random_;
  const std::string pattern_;
  const std::size_t buyer_at_;
  const std::size_t product_at_;
  const std::size_t key_at_;  // npos: none
};

}  // namespace

// Room for 256 clients, and no checkpoint in the middle of a round.
Servers::Servers(const std::vector<std::string>& settings)
    : postgres([&] {
        std::vector<std::string> all{"fsync=on",
                                     "synchronous_commit=on",
                                     "max_connections=400",
                                     "shared_buffers=512MB",
                                     "max_wal_size=8GB",
                                     "checkpoint_timeout=1h"};
        all.insert(all.end(), settings.begin(), settings.end());
        return all;
      }()) {}

std::function<bool(std::string&)> purchase_requests(const Catalogue& catalogue, bool hot, bool keys,
                                                    std::mt19937_64& random) {
  return PurchaseRequests(catalogue, hot, keys, random);
}

std::map<std::string, std::string> versions(const Servers& servers,
                                            const std::filesystem::path& folder) {
  const auto jangbu = test::run_jangbu({"version"}, folder / "version");
  jangbu->wait(10s);
  std::istringstream words(jangbu->log_text());
  std::string name, version;
  words >> name >> version;
  // The server's first words are INFO and a JSON object.
  const std::string info = test::Client(servers.nats.port()).read_some();
  const auto nats = nlohmann::json::parse(info.substr(info.find('{')));
  pg::Connection postgres({.conninfo = servers.postgres.conninfo()});
  const pg::Result shown = postgres.run("SHOW server_version");
  return {{name, version},
          {"nats-server", nats.at("version")},
          {"PostgreSQL", PQgetvalue(shown.get(), 0, 0)}};
}

BenchShop::BenchShop(const Servers& servers, std::string database, bool projector,
                     std::size_t accounts, std::size_t products,
                     const std::vector<std::string>& flags, bool tls)
    : servers_(servers),
      certificates_(tls ? std::make_unique<test::CertificateFiles>() : nullptr),
      complete_(options(servers, database, flags, certificates_.get())) {
  catalogue_.accounts = create(Service::account, "/accounts", accounts, account_body);
  catalogue_.products = create(Service::product, "/products", products, product_body);
  catch_up();
  if (projector) return;
  complete_.stop();
  std::vector<std::string> without_projector = flags;
  without_projector.push_back("--no-projector");
  without_projector_ = std::make_unique<test::ServeProcess>(
      options(servers, std::move(database), without_projector, certificates_.get()));
}

// Sends so many commands at once and takes the ids out of the answers.
std::vector<std::string> BenchShop::create(Service service, const std::string& target,
                                           std::size_t count,
                                           const std::function<std::string(std::size_t)>& body) {
  std::size_t begun = 0;
  std::vector<std::string> ids;
  run({.port = complete_.port(service),
       .connections = std::min(count, loading_connections),
       .next =
           [&](std::string& request) {
             if (begun == count) return false;
             request = post_request(target, body(++begun));
             return true;
           },
       .answered =
           [&](int status, std::string_view answer) {
             if (status != 201)
               throw std::runtime_error(target + " answered " + std::string(answer));
             ids.push_back(Json::parse(answer).at("id"));
           },
       .tls = certificates_ != nullptr});
  return ids;
}

Measured BenchShop::purchases(const Round& round) {
  return run({.port = process().port(Service::purchase),
              .connections = round.connections,
              .next = purchase_requests(catalogue_, round.hot, round.keys, random_),
              .answered =
                  [this](int status, std::string_view) {
                    if (status == 201)
                      ++told_.answered_201;
                    else
                      ++told_.other_answers[status];
                  },
              .warm_up = warm_up,
              .time = round.time,
              .per_second = round.per_second,
              .tls = certificates_ != nullptr});
}

std::uint64_t BenchShop::position() {
  return process()
      .client(Service::operations)
      .get("/health/ready")
      .json["checks"]["writer"]["position"];
}

std::uint64_t BenchShop::wal_written() const {
  pg::Connection postgres({.conninfo = servers_.postgres.conninfo()});
  const pg::Result lsn = postgres.run("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint");
  return std::stoull(PQgetvalue(lsn.get(), 0, 0));
}

void BenchShop::catch_up() {
  test::wait_until(
      "the read models",
      [this] {
        const Json checks =
            complete_.client(Service::operations).get("/health/ready").json["checks"];
        return checks["writer"]["state"] == "active" &&
               checks["projector"]["position"] == checks["writer"]["position"];
      },
      catch_up_deadline);
}

BenchShop::Audit BenchShop::audit() {
  if (without_projector_) {
    without_projector_->stop();
    without_projector_.reset();
    complete_.launch();
    test::wait_until(
        "jangbu serve",
        [this] { return test::accepts_connections(complete_.port(Service::operations)); }, 60s);
  }
  catch_up();
  Audit audit = told_;
  audit.wrong_stocks = wrong_stocks(sold(audit));
  return audit;
}

// Reads the whole log, past the shop.
std::map<std::string, std::int64_t> BenchShop::sold(Audit& audit) const {
  std::map<ProductId, std::int64_t> pieces;
  const auto log = JetStreamLog::connect(
      {.url = servers_.nats.url(), .monitor_url = servers_.nats.monitor_url()}, 10s);
  const auto reader = log->read_from(Position{1});
  for (const Position last = log->last(); audit.commits < last.value;) {
    for (const StoredCommit& stored : reader->next(500, 10s)) {
      ++audit.commits;
      for (const RecordedEvent& recorded : decode(stored).events) {
        const auto* purchase = std::get_if<PurchaseCompleted>(&recorded.event);
        if (!purchase) continue;
        ++audit.recorded;
        for (const PurchaseLine& line : purchase->lines) pieces[line.product] += line.quantity;
      }
    }
  }
  std::map<std::string, std::int64_t> sold;
  for (const auto& [product, count] : pieces) sold[to_string(product)] = count;
  return sold;
}

std::uint64_t BenchShop::wrong_stocks(const std::map<std::string, std::int64_t>& sold) {
  std::uint64_t seen = 0, wrong = 0;
  auto products = complete_.client(Service::product);
  std::string after;
  do {
    const Json page = products.get("/products?limit=100" + after).json;
    for (const Json& product : page.at("items")) {
      const auto found = sold.find(product.at("id"));
      const std::int64_t expected = stock - (found == sold.end() ? 0 : found->second);
      ++seen;
      if (product.at("stock") != expected) ++wrong;
    }
    after = page.at("next").is_null() ? "" : "&after=" + page.at("next").get<std::string>();
  } while (!after.empty());
  return wrong + (catalogue_.products.size() - seen);
}

}  // namespace jangbu::bench
