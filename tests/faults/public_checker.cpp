#include "tests/faults/public_checker.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <utility>

namespace jangbu::test {

namespace {

// What the events of a type are about; empty when they are nobody else's business.
std::string kind_of(const std::string& type) {
  static const std::unordered_map<std::string, std::string> kinds{
      {"AccountOpened", "account"},
      {"AddressChanged", "account"},
      {"AccountDetailsChanged", "account"},
      {"AccountClosed", "account"},
      {"ProductListed", "product"},
      {"PriceChanged", "product"},
      {"StockChanged", "product"},
      {"ProductWithdrawn", "product"},
      {"PurchaseCompleted", "purchase"},
      {"PurchaseCancelled", "purchase"},
      {"DeliveryScanned", "purchase"},
      {"ReceiptConfirmed", "purchase"},
      {"NothingChanged", ""}};
  const auto found = kinds.find(type);
  if (found == kinds.end())
    throw std::logic_error("the checker does not know whether " + type + " is public");
  return found->second;
}

std::string order(const LogEvent& event) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%020llu.%05u",
                static_cast<unsigned long long>(event.position), event.index);
  return text.data();
}

}  // namespace

std::vector<PublicEvent> public_events(const std::vector<LogCommit>& log) {
  std::vector<PublicEvent> events;
  for (const LogCommit& commit : log)
    for (const LogEvent& event : commit.events)
      if (const std::string kind = kind_of(event.type); !kind.empty())
        events.push_back({.id = std::to_string(event.position) + "." + std::to_string(event.index),
                          .subject = "jangbu.shop." + kind + "." + event.type,
                          .commit = commit.id,
                          .entity = kind + "/" + event.entity,
                          .order = order(event)});
  return events;
}

std::vector<Violation> check_public(const std::vector<LogCommit>& log,
                                    const std::vector<PublicEvent>& stream) {
  const std::vector<PublicEvent> expected = public_events(log);
  std::unordered_map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < expected.size(); ++i) places.emplace(expected[i].id, i);

  std::vector<Violation> violations;
  const auto complain = [&](const char* rule, const PublicEvent& event) {
    violations.push_back({rule, event.id + " (" + event.subject + ")"});
  };
  std::vector<bool> published(expected.size());
  std::size_t furthest = 0;
  for (const PublicEvent& event : stream) {
    const auto found = places.find(event.id);
    if (found == places.end()) {
      complain("nothing else is public", event);
      continue;
    }
    const std::size_t place = found->second;
    if (published[place])
      complain("what is public is published once", event);
    else if (place < furthest)
      complain("what is public is in the log's order", event);
    if (!(event == expected[place])) complain("what is public is what the log says", event);
    published[place] = true;
    furthest = std::max(furthest, place);
  }
  for (std::size_t i = 0; i < expected.size(); ++i)
    if (!published[i]) complain("what is public is published", expected[i]);
  return violations;
}

}  // namespace jangbu::test
