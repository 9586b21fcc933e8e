#include "api/load/stage.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string_view>
#include <utility>

#include "api/client/certainty.hpp"
#include "api/load/log_reader.hpp"
#include "infra/json.hpp"
#include "infra/json_tree.hpp"

namespace jangbu::loadgen {

using namespace std::chrono_literals;

namespace {

using Value = nlohmann::json;
using Service = Instances::Service;
using Clock = HttpPool::Clock;

// The read model may be far behind after a burst: the run waits for as long as it makes progress.
constexpr auto longest_standstill = 30s;
constexpr auto import_timeout = 120s;
constexpr std::int64_t price = 9'900;

Value parsed(const HttpPool::Answer& answer) {
  Value json = parse_json_if_valid(answer.body);
  if (!json.is_structured()) throw LoadFailed("the shop answered, but not with JSON");
  return json;
}

// Of an import's results.
bool has_undecided(const std::string& results) {
  std::istringstream lines(results);
  for (std::string line; std::getline(lines, line);) {
    const Value result = parse_json_if_valid(line);
    if (result.is_object() && is_for_now(result.value("status", 200L))) return true;
  }
  return false;
}

PurchaseId purchase_of(const Value& data) {
  const auto id = parse_id<PurchaseId>(data.at("id").get<std::string>());
  if (!id) throw LoadFailed("a purchase in the log has no id");
  return *id;
}

std::vector<LoggedLine> lines_of(const Value& data) {
  std::vector<LoggedLine> lines;
  for (const Value& line : data.at("lines"))
    lines.push_back({line.at("productId"), line.at("quantity")});
  return lines;
}

}  // namespace

void Stage::prepare(const Options& options, const Plan& plan) {
  calls_.require_services();
  std::string rows;
  for (std::int64_t i = 1; i <= options.buyers; ++i) {
    const Json row{
        {"name", "load " + run_ + " buyer " + std::to_string(i)},
        {"address", Json{{"line", "세종대로 " + std::to_string(i)}, {"zipCode", "03172"}}}};
    rows += row.text() + "\n";
  }
  buyers_ = import_rows(Service::account, "/accounts:import", rows);

  rows.clear();
  std::vector<LoadProduct> products;
  for (std::size_t i = 0; i < static_cast<std::size_t>(options.products); ++i) {
    const bool hot = plan.has_hot() && i == Plan::hot_product;
    products.push_back({.id = {},
                        .name = "load " + run_ + (hot ? " hot product" : " product ") +
                                (hot ? "" : std::to_string(i + 1)),
                        .listed = plan.stock(i)});
    const Json row{{"name", products.back().name},
                   {"unitPrice", Json{{"amount", price}, {"currency", "KRW"}}},
                   {"stock", products.back().listed}};
    rows += row.text() + "\n";
  }
  const auto ids = import_rows(Service::product, "/products:import", rows);
  for (std::size_t i = 0; i < products.size(); ++i) products[i].id = ids[i];
  products_ = std::move(products);
}

std::vector<std::string> Stage::import_rows(Service service, const std::string& path,
                                            const std::string& rows) {
  const auto import = [&] {
    return calls_.insist({.service = service,
                          .method = "POST",
                          .path = path,
                          .body = rows,
                          .fields = {"Content-Type: application/x-ndjson",
                                     "Idempotency-Key: " + prefix() + path.substr(1)},
                          .timeout = import_timeout});
  };
  // Undecided rows are sent again under the same keys.
  auto answer = import();
  for (const auto until = Clock::now() + import_timeout;
       has_undecided(answer.body) && Clock::now() < until; answer = import())
    calls_.pause(200ms);
  std::vector<std::string> ids;
  std::istringstream results(answer.body);
  for (std::string line; std::getline(results, line);) {
    const Value result = parse_json_if_valid(line);
    if (!result.is_object() || result.value("status", 0) != 201)
      throw LoadFailed(path + " did not take a row: " + line);
    ids.push_back(result.at("id"));
    const std::uint64_t position = result.at("position");
    from_ = from_ == 0 ? position : std::min(from_, position);
  }
  const auto asked = static_cast<std::size_t>(std::ranges::count(rows, '\n'));
  if (ids.size() != asked) throw LoadFailed(path + " answered fewer rows than it was sent");
  return ids;
}

void Stage::wait_for_read_model(std::uint64_t position) {
  std::uint64_t reached = 0;
  for (auto moved = Clock::now(); Clock::now() - moved < longest_standstill;) {
    HttpPool::Answer answer;
    calls_.each({{.service = Service::product,
                  .path = "/products?limit=1&waitMs=1000&minPosition=" + std::to_string(position)}},
                [&](std::size_t, const HttpPool::Answer& came) { answer = came; });
    if (answer.status == 200) return;
    const Value problem = parse_json_if_valid(answer.body);
    const std::uint64_t now = problem.is_object() ? problem.value("actual", std::uint64_t{0}) : 0;
    if (now > std::exchange(reached, std::max(now, reached))) moved = Clock::now();
    if (answer.status != 503 || now == 0) calls_.pause(200ms);
  }
  throw LoadFailed("the read model of the products does not reach position " +
                   std::to_string(position) + ": see jangbu status");
}

void Stage::look_at_stock() {
  const auto end = calls_.insist({.path = "/events?limit=1&from=" + std::to_string(from_)});
  wait_for_read_model(end.position);
  std::vector<ShopCalls::Request> requests;
  for (const LoadProduct& product : products_)
    requests.push_back(
        {.service = Service::product,
         .path = "/products/" + product.id + "?minPosition=" + std::to_string(end.position)});
  calls_.each(requests, 30s, [&](std::size_t i, const HttpPool::Answer& answer) {
    if (answer.status != 200)
      throw LoadFailed("GET " + requests[i].path + ": " + reason_of(answer));
    products_[i].shown = parsed(answer).at("stock");
    products_[i].shown_at = {answer.position};
  });
}

std::optional<std::uint64_t> Stage::attempt_of(const std::string& correlation) const {
  if (!correlation.starts_with(prefix())) return std::nullopt;
  const std::string_view digits = std::string_view(correlation).substr(prefix().size());
  std::uint64_t n = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), n);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return n;
}

void Stage::read_log(Checker& checker, const std::function<void(std::uint64_t)>& progress) {
  Position through;
  for (const LoadProduct& product : products_) through = std::max(through, product.shown_at);
  constexpr std::uint64_t events_between = 100;
  std::uint64_t read = 1;
  // The run's first event opened an account, and is not read.
  LogReader(calls_).read({{from_}, 0}, through, [&](EventId id, const Value& event) {
    if (++read % events_between == 0) progress(read);
    const std::string& type = event.at("type").get_ref<const std::string&>();
    const Value& data = event.at("data");
    if (type == "PurchaseCompleted") {
      checker.purchased(
          {id, purchase_of(data), attempt_of(event.value("correlation", "")), lines_of(data)});
    } else if (type == "PurchaseCancelled") {
      for (const LoggedLine& line : lines_of(data))
        checker.stock_changed(id.position, line.product, line.quantity);
    } else if (type == "StockChanged") {
      checker.stock_changed(id.position, data.at("id"), data.at("change"));
    }
  });
  progress(read);
}

std::string Stage::tidy_up() {
  std::vector<ShopCalls::Request> requests;
  for (const LoadProduct& product : products_)
    requests.push_back(
        {.service = Service::product, .method = "DELETE", .path = "/products/" + product.id});
  for (const std::string& buyer : buyers_)
    requests.push_back(
        {.service = Service::account, .method = "DELETE", .path = "/accounts/" + buyer});
  std::size_t failed = 0;
  std::string first;
  // Closing what is already closed answers 200 as well.
  calls_.each(requests, 10s, [&](std::size_t i, const HttpPool::Answer& answer) {
    if (answer.status == 200) return;
    if (++failed == 1) first = requests[i].path + ": " + reason_of(answer);
    if (answer.status == 0)
      throw LoadFailed("its accounts and products stay as they are, since " + first);
  });
  if (failed == 0) return {};
  return std::to_string(failed) +
         " of its accounts and products are still there, since they could not be closed: " + first;
}

}  // namespace jangbu::loadgen
