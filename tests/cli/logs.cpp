#include "tests/cli/logs.hpp"

#include <iterator>
#include <stdexcept>

#include "tests/support/samples.hpp"

namespace jangbu::test {

using namespace std::chrono_literals;

Position append(EventLog& log, const std::string& payload) {
  static unsigned number = 0;
  const auto result = log.append(log.last(), {id<CommitId>(++number), payload}, 10s);
  if (!std::holds_alternative<Appended>(result)) throw std::runtime_error("not appended");
  return std::get<Appended>(result).position;
}

Position append(EventLog& log, const Commit& commit) {
  return append(log, encode_commit(commit));
}

std::vector<StoredCommit> all_of(EventLog& log) {
  std::vector<StoredCommit> all;
  const Position last = log.last();
  const auto reader = log.read_from({1});
  while (all.size() < last.value)
    for (StoredCommit& commit : reader->next(500, 10s)) all.push_back(std::move(commit));
  return all;
}

bool same_commits(const std::vector<StoredCommit>& a, const std::vector<StoredCommit>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const StoredCommit& one, const StoredCommit& other) {
                      return one.position == other.position && one.id == other.id &&
                             one.format == other.format && one.payload == other.payload &&
                             one.origin == other.origin;
                    });
}

std::vector<Commit> small_story() {
  const PurchaseCompleted purchase =
      bought(first_purchase, hong, {line(tea, 2)}, {}, after_minutes(3));
  const auto commit = [](std::int64_t minutes, std::vector<Event> events) {
    Commit made{after_minutes(minutes), {}};
    for (Event& event : events)
      made.events.push_back({{after_minutes(minutes), {}, "", "", ""}, std::move(event)});
    return made;
  };
  auto story = {
      commit(0, {AccountOpened{hong}, AccountOpened{alice}, ProductListed{tea}}),
      commit(3, {purchase}),
      commit(6, {after(DeliveryStatus::preparing,
                       scanned(purchase, scan(DeliveryStatus::in_transit, after_minutes(6)))),
                 after(DeliveryStatus::in_transit,
                       scanned(purchase, scan(DeliveryStatus::delivered, after_minutes(6))))}),
      commit(24 * 60, {ReceiptConfirmed{first_purchase, hong.account, after_minutes(24 * 60)}})};
  return story;
}

std::vector<Commit> many_purchases(unsigned count, unsigned in_a_commit) {
  std::vector<Commit> commits;
  make_purchases(count, in_a_commit, [&](const Commit& commit) { commits.push_back(commit); });
  return commits;
}

void make_purchases(unsigned count, unsigned in_a_commit,
                    const std::function<void(const Commit&)>& take) {
  ProductState product = keyboard;
  product.stock = count;
  take({opening,
        {{{opening, {}, "", "", ""}, AccountOpened{hong}},
         {{opening, {}, "", "", ""}, ProductListed{product}}}});
  for (unsigned made = 0; made < count;) {
    const Timestamp at{opening.ms + made};
    Commit commit{at, {}};
    for (; made < count && commit.events.size() < in_a_commit; ++made)
      commit.events.push_back(
          {{at, key(made), "00-4bf92f3577b34da6a3ce929d0e0e4736", "", ""},
           bought(id<PurchaseId>(1'000 + made), hong, {line(product, 1)}, {}, at)});
    take(commit);
  }
}

}  // namespace jangbu::test
