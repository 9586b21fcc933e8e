// The shop that is measured: real servers on a temporary folder, and `jangbu serve` before them
// with its defaults, filled through its own HTTP API.
//
// Threads: one at a time. Errors: std::runtime_error.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/bench/http_load.hpp"
#include "tests/http/certificates.hpp"
#include "tests/support/nats_server.hpp"
#include "tests/support/postgres_server.hpp"
#include "tests/support/shop.hpp"

namespace jangbu::bench {

struct Servers {
  // With more settings of PostgreSQL, "name=value"; of two of one name the last counts.
  explicit Servers(const std::vector<std::string>& settings = {});

  test::NatsServer nats;
  test::PostgresServer postgres;
};

// Of jangbu and both servers. The folder is for a file of words.
std::map<std::string, std::string> versions(const Servers& servers,
                                            const std::filesystem::path& folder);

// Accounts and products by id, as the shop answered.
struct Catalogue {
  std::vector<std::string> accounts;
  std::vector<std::string> products;
};

// HttpLoad::next for purchases of one piece by random accounts, of random products or (`hot`)
// always the first, and with `keys` an idempotency key each. Ids have one length, so that the same
// bytes are written over again. Both references must outlive it.
std::function<bool(std::string& request)> purchase_requests(const Catalogue& catalogue, bool hot,
                                                            bool keys, std::mt19937_64& random);

class BenchShop {
 public:
  // Starts the shop and fills it. With `projector` off the read models are filled before the rounds
  // and after them, not during them.
  BenchShop(const Servers& servers, std::string database, bool projector, std::size_t accounts,
            std::size_t products, const std::vector<std::string>& flags = {}, bool tls = false);

  struct Round {
    std::size_t connections;
    std::chrono::seconds time;
    bool hot;               // all buy the same product
    bool keys;              // each with an idempotency key of its own
    double per_second = 0;  // as for HttpLoad
  };
  Measured purchases(const Round& round);
  const test::ServeProcess& process() const {
    return without_projector_ ? *without_projector_ : complete_;
  }
  const Catalogue& catalogue() const { return catalogue_; }
  // Answers 201 to all rounds so far.
  std::uint64_t bought() const { return told_.answered_201; }

  std::uint64_t position();
  // How far PostgreSQL has written, in bytes of WAL since its first.
  std::uint64_t wal_written() const;
  // Waits until the read models have reached the end of the log.
  void catch_up();

  // What was told to buyers, what the log holds, and what the read model says, which must agree.
  struct Audit {
    std::uint64_t answered_201 = 0;
    std::map<int, std::uint64_t> other_answers;  // by status
    std::uint64_t recorded = 0;                  // purchases in the log
    std::uint64_t commits = 0;
    // Products whose stock is not what was listed less what was sold.
    std::uint64_t wrong_stocks = 0;

    bool good() const {
      return answered_201 == recorded && other_answers.empty() && wrong_stocks == 0;
    }
  };
  // Ends the rounds.
  Audit audit();

 private:
  std::vector<std::string> create(test::Service service, const std::string& target,
                                  std::size_t count,
                                  const std::function<std::string(std::size_t)>& body);
  std::map<std::string, std::int64_t> sold(Audit& audit) const;
  std::uint64_t wrong_stocks(const std::map<std::string, std::int64_t>& sold);

  const Servers& servers_;
  const std::unique_ptr<test::CertificateFiles> certificates_;  // null: plain HTTP
  test::ServeProcess complete_;
  std::unique_ptr<test::ServeProcess> without_projector_;
  Catalogue catalogue_;
  std::mt19937_64 random_{1};
  Audit told_;
};

}  // namespace jangbu::bench
