#include "tests/bench/bench_log.hpp"

#include <chrono>
#include <cstring>
#include <random>
#include <stdexcept>
#include <utility>
#include <variant>

#include "events/commit.hpp"
#include "tests/projections/histories.hpp"

namespace jangbu::bench {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t accounts = 1'000, products = 10'000;
constexpr std::size_t smallest_commit = 20, largest_commit = 200;
constexpr std::size_t every_purchase_to_ask_for = 10;

// Some names of Histories have what only a log of before today's rules could hold.
bool can_be_asked_for(const std::string& name) {
  return name.find('\t') == name.npos;
}

void append(EventLog& log, LogContent& content, const Commit& commit) {
  CommitId id;
  std::memcpy(id.bytes.data(), &content.commits, sizeof content.commits);
  const std::string payload = encode_commit(commit);
  const AppendResult result = log.append(Position{content.commits}, {id, payload}, 10s);
  if (!std::holds_alternative<Appended>(result))
    throw std::runtime_error("a commit could not be appended to the log");
  ++content.commits;
  content.events += commit.events.size();
  content.bytes += payload.size();
}

}  // namespace

LogContent fill(EventLog& log, std::size_t events) {
  LogContent content;
  test::Histories histories(1);
  std::mt19937 random(1);
  std::size_t purchases = 0;

  Commit commit = histories.open_shop(accounts, products);
  const Timestamp opened = commit.committed_at;
  for (RecordedEvent& recorded : std::exchange(commit.events, {})) {
    if (const auto* account = std::get_if<AccountOpened>(&recorded.event)) {
      content.accounts.push_back(to_string(account->state.account));
      if (const std::string& name = account->state.person.name; can_be_asked_for(name))
        content.account_names.push_back(name);
    } else if (const auto* product = std::get_if<ProductListed>(&recorded.event)) {
      if (can_be_asked_for(product->state.name))
        content.product_names.push_back(product->state.name);
    }
    commit.events.push_back(std::move(recorded));
    if (commit.events.size() == largest_commit)
      append(log, content, std::exchange(commit, {opened, {}}));
  }
  while (content.events < events) {
    const std::size_t size = smallest_commit + random() % (largest_commit - smallest_commit + 1);
    while (commit.events.size() < size) {
      commit.events.push_back(histories.trade());
      commit.committed_at = commit.events.back().envelope.occurred_at;
      const auto* bought = std::get_if<PurchaseCompleted>(&commit.events.back().event);
      if (bought && ++purchases % every_purchase_to_ask_for == 0)
        content.purchases.push_back(to_string(bought->purchase));
    }
    append(log, content, std::exchange(commit, {}));
  }
  return content;
}

}  // namespace jangbu::bench
