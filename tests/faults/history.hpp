// What clients of a shop saw, as data: what they asked for, each of their tries, and the answers.
// Each client writes down its own; the checker reads all of them when they have finished.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace jangbu::test {

using Time = std::chrono::steady_clock::time_point;

// --- Commands ------------------------------------------------------------------------------------

enum class Kind {
  open_account,
  change_address,
  close_account,
  list_product,
  change_price,
  change_stock,
  withdraw_product,
  buy,
  confirm_quote,
  cancel,
  scan,
  confirm_receipt,
};

enum class Answer {
  acknowledged,  // 2xx: it is in the log, where it was told
  refused,       // a rule is in the way, at the position that was told
  turned_away,   // an answer that says that nothing was done
  uncertain,     // no answer, or one that says that it may have been done
  unexpected,    // one that this command should never get
};

struct Try {
  int server = 0;  // which process was asked
  Time begin, end;
  Answer answer = Answer::uncertain;
  int status = 0;  // 0: no answer
  std::string code;
  bool retry_after = false;
  bool replayed = false;
  std::uint64_t position = 0;
  std::string id;              // of an acknowledged command's entity
  std::int64_t available = 0;  // of `insufficient-stock`
  std::int64_t actual = 0;     // price or total, of `price-changed`
};

struct Line {
  std::string product;
  std::int64_t quantity = 0;

  friend bool operator==(const Line&, const Line&) = default;
};

struct Command {
  std::string name;   // in the log: its events' correlation. Unique
  bool keyed = true;  // it had an Idempotency-Key, and was repeated until its outcome was known
  Kind kind = Kind::buy;
  std::string target;       // the account, product or purchase it is to; empty when it makes one
  std::string buyer;        // of a purchase
  std::vector<Line> lines;  // of a purchase
  std::int64_t amount = 0;  // price, change of stock; expected total of a purchase, or 0
  std::int64_t stock = 0;   // of a product that is listed
  std::string text;         // name, address line or status of a scan
  std::vector<Try> tries;   // in order
};

// --- Queries -------------------------------------------------------------------------------------

enum class Shown { account, product, purchase, delivery };

struct Query {
  int server = 0;
  Time begin, end;
  Shown what = Shown::product;
  std::string id;
  std::uint64_t min_position = 0;
  int status = 0;  // 0: no answer
  std::string code;
  bool retry_after = false;
  std::uint64_t position = 0;
  std::int64_t number = 0;  // stock of a product, total of a purchase, scans of a delivery
  std::string text;         // address line, status
  bool ended = false;       // account closed, product withdrawn
};

// -------------------------------------------------------------------------------------------------

// A time in which a dependency was certainly away, for all processes.
struct Outage {
  enum class Of { log, read_models };
  Of of = Of::log;
  Time begin, end;
};

// What a process said of itself when it was asked.
struct Belief {
  int server = 0;
  Time begin, end;
  bool active = false;
};

struct Client {
  std::vector<Command> commands;
  std::vector<Query> queries;
};

struct History {
  std::vector<Client> clients;
  std::vector<Outage> outages;
  std::vector<Belief> beliefs;  // of each process in order
};

}  // namespace jangbu::test
