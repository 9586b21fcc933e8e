#include "tests/e2e/ledger.hpp"

#include <stdexcept>

#include "infra/eventlog/jetstream_log.hpp"

namespace jangbu::test {

std::int64_t Ledger::stock_of(const std::string& product) const {
  return views.stock.find(parse_id<ProductId>(product).value()).value().pieces;
}

std::int64_t Ledger::sold(const std::string& product) const {
  const auto id = parse_id<ProductId>(product).value();
  std::int64_t pieces = 0;
  for (const auto& [purchase, made] : sales)
    for (const Sale& sale : made)
      for (const PurchaseLine& line : sale.purchase.lines)
        if (line.product == id) pieces += line.quantity;
  return pieces;
}

Ledger read_ledger(const NatsServer& nats) {
  const auto log = JetStreamLog::connect({.url = nats.url(), .monitor_url = {}}, 10s);
  Ledger ledger;
  const Position end = log->last();
  const auto reader = log->read_from(Position{1});
  while (ledger.end < end) {
    const auto read = reader->next(1'000, 10s);
    if (read.empty()) throw std::runtime_error("the log's commits do not come");
    for (const StoredCommit& stored : read) {
      if (stored.position != ledger.end.next()) throw std::runtime_error("the log has a gap");
      const Commit commit = decode(stored);
      for (const RecordedEvent& recorded : commit.events) {
        ledger.correlations.push_back(recorded.envelope.correlation);
        if (const auto* purchase = std::get_if<PurchaseCompleted>(&recorded.event))
          ledger.sales[to_string(purchase->purchase)].push_back({stored.position, *purchase});
      }
      fold(ledger.views, commit, stored.position);
      ledger.end = stored.position;
    }
  }
  return ledger;
}

}  // namespace jangbu::test
