#include "tests/faults/clients.hpp"

#include <poll.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <stdexcept>

#include "tests/support/http_client.hpp"
#include "tests/support/process.hpp"
#include "tests/support/shop.hpp"

namespace jangbu::test {

namespace {

using Clock = std::chrono::steady_clock;

// How long a client insists. A shop that has not told by then has not recovered.
constexpr auto longest_insistence = 90s;

// Time to think, so that the load is about the same on every machine. poll(2) without descriptors
// is the pause.
void think(Random& random, std::size_t longest_ms) {
  ::poll(nullptr, 0, static_cast<int>(pick(random, longest_ms + 1)));
}

Json won(std::int64_t amount) {
  return {{"amount", amount}, {"currency", "KRW"}};
}

bool is_one_of(const std::string& code, std::initializer_list<const char*> codes) {
  return std::any_of(codes.begin(), codes.end(), [&](const char* one) { return code == one; });
}

Answer answer_of(const Reply& reply, const std::string& code) {
  if (reply.status == 200 || reply.status == 201) return Answer::acknowledged;
  if (is_one_of(code,
                {"overloaded", "not-ready", "idempotency-keys-full", "idempotency-key-in-flight"}))
    return Answer::turned_away;
  if (code == "entity-parked") return Answer::unexpected;  // nothing ever should be
  if (reply.status == 503) return Answer::uncertain;
  if ((reply.status == 404 || reply.status == 409) && reply.has("event-position"))
    return Answer::refused;
  return Answer::unexpected;
}

struct Request {
  Service service = Service::purchase;
  std::string method = "POST";
  std::string path;
  Json body = nullptr;
};

}  // namespace

// --- Known ---------------------------------------------------------------------------------------

void Known::add(const std::string& id) {
  const std::lock_guard lock(mutex_);
  ids_.push_back(id);
}

std::string Known::any(Random& random) const {
  const std::lock_guard lock(mutex_);
  if (ids_.empty()) return {};
  return ids_[ids_.size() - 1 - pick(random, std::min(ids_.size(), newest))];
}

// --- One client ----------------------------------------------------------------------------------

class OneClient {
 public:
  OneClient(Clients& all, unsigned number, std::uint64_t seed)
      : all_(all),
        number_(number),
        random_(seed),
        home_(static_cast<int>(number % all.servers_.size())),
        only_looks_(number % 5 == 4),
        only_buys_(number % 5 == 3),
        connections_(all.servers_.size()) {}

  // Until it has been enough.
  Client run() {
    while (!all_.enough_) {
      act();
      think(random_, 25);
    }
    return std::move(saw_);
  }

  Client open_shop() {
    for (int i = 0; i < 4; ++i) open_account();
    for (int i = 0; i < 6; ++i) list_product(i == 0 ? 20 : 100'000);
    // Settled is settled: whether one that was asked again is told the same is the checker's
    // matter.
    for (const Command& command : saw_.commands)
      if (std::ranges::none_of(command.tries,
                               [](const Try& one) { return one.answer == Answer::acknowledged; }))
        throw std::runtime_error("the shop does not open: " + command.tries.back().code);
    return std::move(saw_);
  }

 private:
  void act() {
    // Some only look, also while commands do not come through; and some only buy, without a key,
    // and wait for nobody.
    if (only_looks_) return look();
    if (only_buys_) return buy();
    const std::size_t what = pick(random_, 100);
    if (what < 38) return buy();
    if (what < 48) return buy_by_quote();
    if (what < 56) return cancel();
    if (what < 73) return scan();
    if (what < 78) return confirm_receipt();
    if (what < 84) return change_stock();
    if (what < 87) return change_price();
    if (what < 90) return change_address();
    if (what < 91) return come_and_go();
    look();
  }

  // --- Commands ----------------------------------------------------------------------------------

  std::int64_t number_of_its_own() { return static_cast<std::int64_t>(++made_ * 64 + number_); }

  Command command(Kind kind, std::string target = {}) {
    Command command;
    command.name = "client-" + std::to_string(number_) + "." + std::to_string(saw_.commands.size());
    command.keyed = !only_buys_ && !chance(random_, 25);
    command.kind = kind;
    command.target = std::move(target);
    return command;
  }

  void open_account() {
    Command open = command(Kind::open_account);
    open.keyed = true;
    open.text = "손님 " + std::to_string(number_of_its_own());
    const std::string id =
        settle(open, {Service::account,
                      "POST",
                      "/accounts",
                      {{"name", open.text}, {"address", address("세종대로 175")}}});
    if (!id.empty()) all_.accounts_.add(id);
    mine_.account = id;
  }

  void list_product(std::int64_t stock) {
    Command list = command(Kind::list_product);
    list.keyed = true;
    list.text = "물건 " + std::to_string(number_of_its_own());
    list.amount = 1'000;
    list.stock = stock;
    const std::string id =
        settle(list, {Service::product,
                      "POST",
                      "/products",
                      {{"name", list.text}, {"unitPrice", won(list.amount)}, {"stock", stock}}});
    if (id.empty()) return;
    all_.products_.add(id);
    if (all_.hot_.empty()) all_.hot_ = id;
    mine_.product = id;
  }

  // Opens what it closes later: nobody else does, since closing what is closed leaves no event.
  void come_and_go() {
    if (mine_.account.empty()) {
      open_account();
    } else if (mine_.product.empty()) {
      list_product(1'000);
    } else if (chance(random_, 50)) {
      const std::string id = std::exchange(mine_.account, {});
      settle(command(Kind::close_account, id), {Service::account, "DELETE", "/accounts/" + id});
    } else {
      const std::string id = std::exchange(mine_.product, {});
      settle(command(Kind::withdraw_product, id), {Service::product, "DELETE", "/products/" + id});
    }
  }

  static Json address(const std::string& line) { return {{"line", line}, {"zipCode", "03172"}}; }

  std::vector<Line> lines() {
    std::vector<Line> lines;
    const std::size_t count = chance(random_, 20) ? 2 : 1;
    while (lines.size() < count) {
      const std::string product = chance(random_, 40) ? all_.hot_ : all_.products_.any(random_);
      if (!lines.empty() && lines.front().product == product) continue;
      lines.push_back({product, static_cast<std::int64_t>(1 + pick(random_, 3))});
    }
    return lines;
  }

  static Json to_json(const std::vector<Line>& lines) {
    Json json = Json::array();
    for (const Line& line : lines)
      json.push_back({{"productId", line.product}, {"quantity", line.quantity}});
    return json;
  }

  void buy() {
    Command buy = command(Kind::buy);
    buy.buyer = all_.accounts_.any(random_);
    buy.lines = lines();
    Json body{{"buyerId", buy.buyer}, {"lines", to_json(buy.lines)}};
    if (chance(random_, 10)) {
      buy.amount = 1'000 * buy.lines.front().quantity;
      body["expectedTotal"] = won(buy.amount);
    }
    bought(settle(buy, {Service::purchase, "POST", "/purchases", body}));
  }

  void bought(const std::string& id) {
    if (!id.empty()) all_.purchases_.add(id);
  }

  void buy_by_quote() {
    const std::string buyer = all_.accounts_.any(random_);
    const std::vector<Line> wanted = lines();
    const auto reply = ask(
        home_,
        {Service::purchase, "POST", "/quotes", {{"buyerId", buyer}, {"lines", to_json(wanted)}}},
        {});
    if (!reply || reply->status != 200) return;
    think(random_, 20);
    const int times = chance(random_, 15) ? 2 : 1;  // the second one gives the same purchase
    for (int i = 0; i < times; ++i) {
      Command confirm = command(Kind::confirm_quote);
      confirm.buyer = buyer;
      confirm.lines = wanted;
      confirm.text = reply->json.at("buyer").at("address").at("line");
      bought(settle(
          confirm,
          {Service::purchase, "POST", "/purchases", {{"quoteId", reply->json.at("quoteId")}}}));
    }
  }

  void cancel() {
    const std::string id = all_.purchases_.any(random_);
    if (id.empty()) return;
    settle(command(Kind::cancel, id),
           {Service::purchase, "POST", "/purchases/" + id + "/cancellation"});
  }

  void scan() {
    const std::string id = all_.purchases_.any(random_);
    if (id.empty()) return;
    constexpr std::array statuses{"label-created",    "picked-up",         "in-transit",
                                  "out-for-delivery", "attempt-failed",    "delivered",
                                  "delivered",        "returned-to-sender"};
    Command scan = command(Kind::scan, id);
    scan.text = statuses[pick(random_, statuses.size())];
    // A number of its own makes every scan another one.
    settle(scan, {Service::delivery,
                  "POST",
                  "/deliveries/" + id + "/scans",
                  {{"carrier", "우체국택배"},
                   {"trackingNumber", std::to_string(number_of_its_own())},
                   {"status", scan.text},
                   {"occurredAt", "2026-03-01T09:30:00Z"}}});
  }

  void confirm_receipt() {
    const std::string id = all_.purchases_.any(random_);
    if (id.empty()) return;
    settle(command(Kind::confirm_receipt, id),
           {Service::delivery, "POST", "/deliveries/" + id + "/receipt"});
  }

  void change_stock() {
    const bool hot = chance(random_, 70);
    Command change = command(Kind::change_stock, hot ? all_.hot_ : all_.products_.any(random_));
    change.amount = hot || chance(random_, 50) ? static_cast<std::int64_t>(1 + pick(random_, 20))
                                               : -static_cast<std::int64_t>(1 + pick(random_, 20));
    settle(change, {Service::product,
                    "POST",
                    "/products/" + change.target + "/stock",
                    {{"change", change.amount}}});
  }

  void change_price() {
    Command change = command(Kind::change_price, all_.products_.any(random_));
    change.amount = 1'000 + number_of_its_own();  // never what it is already
    settle(change, {Service::product,
                    "PUT",
                    "/products/" + change.target + "/price",
                    {{"unitPrice", won(change.amount)}}});
  }

  void change_address() {
    Command change = command(Kind::change_address, all_.accounts_.any(random_));
    change.text = "세종대로 " + std::to_string(number_of_its_own());
    settle(change, {Service::account, "PUT", "/accounts/" + change.target + "/address",
                    address(change.text)});
  }

  int other_than(int server) {
    const std::size_t count = all_.servers_.size();
    return static_cast<int>((static_cast<std::size_t>(server) + 1 + pick(random_, count - 1)) %
                            count);
  }

  // Asks until the outcome is known, or may remain unknown. The id of what was acknowledged.
  std::string settle(Command command, const Request& request) {
    const auto give_up = Clock::now() + longest_insistence;
    int server = home_;
    for (;;) {
      command.tries.push_back(attempt(command, request, server));
      const Try& one = command.tries.back();
      const bool known = one.answer == Answer::acknowledged || one.answer == Answer::refused ||
                         one.answer == Answer::unexpected;
      const bool leave =
          one.answer == Answer::turned_away && command.tries.size() == 1 && chance(random_, 30);
      if (known || leave || !command.keyed || all_.give_up_ || Clock::now() > give_up) break;
      think(random_, 200);
      if (chance(random_, 30)) server = other_than(server);
    }
    ++all_.settled_;
    const Try told = command.tries.back();
    // Settled is settled, however often it is asked again.
    if (command.keyed && command.tries.back().answer == Answer::acknowledged &&
        chance(random_, 4)) {
      const Try again =
          attempt(command, request, chance(random_, 50) ? server : other_than(server));
      if (again.answer == Answer::acknowledged || again.answer == Answer::refused)
        command.tries.push_back(again);
    }
    saw_.commands.push_back(std::move(command));
    if (told.answer != Answer::acknowledged) return {};
    if (chance(random_, 30)) look_at_effect(saw_.commands.back(), told);
    return told.id;
  }

  Try attempt(const Command& command, const Request& request, int server) {
    HttpClient::Fields fields{{"X-Request-Id", command.name}};
    if (command.keyed) fields.emplace_back("Idempotency-Key", command.name);
    Try one;
    one.server = server;
    one.begin = Clock::now();
    const auto reply = ask(server, request, fields);
    one.end = Clock::now();
    if (!reply) return one;
    one.status = reply->status;
    one.code = reply->code();
    one.answer = answer_of(*reply, one.code);
    one.retry_after = reply->has("retry-after");
    one.replayed = reply->has("idempotent-replayed");
    if (reply->has("event-position")) one.position = reply->position();
    if (one.answer == Answer::acknowledged) one.id = reply->json.at("id");
    one.available = reply->json.is_object() ? reply->json.value("available", std::int64_t{0}) : 0;
    if (one.code == "price-changed") one.actual = reply->json.at("actual").at("amount");
    return one;
  }

  // Nothing when no answer came.
  std::optional<Reply> ask(int server, const Request& request, HttpClient::Fields fields) {
    auto& client =
        connections_[static_cast<std::size_t>(server)][static_cast<std::size_t>(request.service)];
    if (!client)
      client =
          std::make_unique<HttpClient>(all_.servers_[static_cast<std::size_t>(server)]
                                                    [static_cast<std::size_t>(request.service)]);
    std::string body;
    if (!request.body.is_null()) {
      body = request.body.dump();
      fields.emplace_back("Content-Type", "application/json");
    }
    try {
      return client->send(request.method, request.path, body, fields);
    } catch (const NoReply&) {
      return std::nullopt;
    }
  }

  // --- Queries -----------------------------------------------------------------------------------

  void look() {
    switch (pick(random_, 4)) {
      case 0:
        return look_at(Shown::account, all_.accounts_.any(random_), 0);
      case 1:
        return look_at(Shown::product,
                       chance(random_, 50) ? all_.hot_ : all_.products_.any(random_), 0);
      case 2:
        return look_at(Shown::purchase, all_.purchases_.any(random_), 0);
      default:
        return look_at(Shown::delivery, all_.purchases_.any(random_), 0);
    }
  }

  void look_at_effect(const Command& command, const Try& told) {
    switch (command.kind) {
      case Kind::open_account:
      case Kind::change_address:
      case Kind::close_account:
        return look_at(Shown::account, told.id, told.position);
      case Kind::list_product:
      case Kind::change_price:
      case Kind::change_stock:
      case Kind::withdraw_product:
        return look_at(Shown::product, told.id, told.position);
      case Kind::buy:
      case Kind::confirm_quote:
        if (chance(random_, 50))
          return look_at(Shown::product, command.lines.front().product, told.position);
        return look_at(Shown::purchase, told.id, told.position);
      case Kind::cancel:
        return look_at(Shown::purchase, told.id, told.position);
      case Kind::scan:
      case Kind::confirm_receipt:
        return look_at(Shown::delivery, told.id, told.position);
    }
  }

  void look_at(Shown what, const std::string& id, std::uint64_t min_position) {
    if (id.empty()) return;
    Query query;
    query.server = chance(random_, 80) ? home_ : other_than(home_);
    query.what = what;
    query.id = id;
    query.min_position = min_position;
    Request request;
    request.method = "GET";
    switch (what) {
      case Shown::account:
        request.service = Service::account;
        request.path = "/accounts/" + id;
        break;
      case Shown::product:
        request.service = Service::product;
        request.path = "/products/" + id;
        break;
      case Shown::purchase:
        request.service = Service::purchase;
        request.path = "/purchases/" + id;
        break;
      case Shown::delivery:
        request.service = Service::delivery;
        request.path = "/deliveries/" + id;
        break;
    }
    if (min_position != 0) request.path += "?minPosition=" + std::to_string(min_position);
    query.begin = Clock::now();
    const auto reply = ask(query.server, request, {});
    query.end = Clock::now();
    if (reply) read(query, *reply);
    if (query.status == 200) ++all_.answered_;
    saw_.queries.push_back(std::move(query));
  }

  static void read(Query& query, const Reply& reply) {
    query.status = reply.status;
    query.code = reply.code();
    query.retry_after = reply.has("retry-after");
    if (reply.has("event-position")) query.position = reply.position();
    if (reply.status != 200) return;
    const Json& json = reply.json;
    query.ended = json.contains("closedAt") || json.contains("withdrawnAt");
    switch (query.what) {
      case Shown::account:
        query.text = json.at("address").at("line");
        break;
      case Shown::product:
        query.number = json.at("stock");
        query.text = std::to_string(json.at("unitPrice").at("amount").get<std::int64_t>());
        break;
      case Shown::purchase:
        query.number = json.at("total").at("amount");
        query.text = json.at("status");
        break;
      case Shown::delivery:
        query.number = static_cast<std::int64_t>(json.at("scans").size());
        query.text = json.at("status");
        break;
    }
  }

  struct Mine {
    std::string account, product;
  };

  Clients& all_;
  const unsigned number_;
  Random random_;
  const int home_;  // the process that it asks first
  const bool only_looks_;
  const bool only_buys_;
  std::uint64_t made_ = 0;
  Mine mine_;
  Client saw_;
  std::vector<std::array<std::unique_ptr<HttpClient>, 5>> connections_;
};

// --- All of them ---------------------------------------------------------------------------------

Clients::Clients(Servers servers, std::uint64_t seed) : servers_(servers), seed_(seed) {
  first_ = OneClient(*this, 0, seed).open_shop();
}

Clients::~Clients() {
  give_up_ = true;
  enough_ = true;
  for (auto& client : clients_)
    if (client.valid()) client.wait();
}

void Clients::start(unsigned count) {
  for (unsigned number = 1; number <= count; ++number)
    clients_.push_back(std::async(std::launch::async, [this, number] {
      return OneClient(*this, number, seed_ + number).run();
    }));
}

History Clients::finish(bool settle) {
  if (!settle) give_up_ = true;
  enough_ = true;
  History history;
  history.clients.push_back(std::move(first_));
  for (auto& client : clients_) history.clients.push_back(client.get());
  return history;
}

}  // namespace jangbu::test
