#include "tests/golden/story.hpp"

#include "tests/support/samples.hpp"

namespace jangbu::test {

std::vector<Commit> golden_story() {
  std::vector<Commit> story;
  const auto happens = [&](Event event, std::optional<CommandKey> by = {}) {
    story.push_back({after_minutes(1), {{{opening, by, {}, {}, {}}, std::move(event)}}});
  };
  AccountState moved = alice;
  moved.person.address.line = "2 Christ Church, Oxford";
  AccountState renamed = moved;
  renamed.person.name = "Alice Hargreaves";
  ProductState cheaper = keyboard;
  cheaper.unit_price = won(29'900);
  ProductState fuller = cheaper;
  fuller.stock += 10;
  happens(AccountOpened{hong}, key(1));
  happens(AccountOpened{alice});
  happens(AddressChanged{moved});
  happens(AccountDetailsChanged{renamed});
  happens(AccountClosed{renamed, after_minutes(2)});
  happens(ProductListed{keyboard}, key(2));
  happens(ProductListed{tea});
  happens(PriceChanged{cheaper});
  happens(StockChanged{fuller, 10, "입고"});
  const auto purchase = [&](unsigned number) {
    return bought(id<PurchaseId>(number), hong, {line(fuller, 2), line(tea, 1)},
                  number == 2 ? std::optional(id<QuoteId>(2)) : std::nullopt, after_minutes(3));
  };
  for (unsigned number = 1; number <= 4; ++number) happens(purchase(number));
  const auto is_scanned = [&](unsigned number, DeliveryStatus status, DeliveryStatus previous) {
    happens(after(previous, scanned(purchase(number), scan(status, after_minutes(4)))));
  };
  is_scanned(2, DeliveryStatus::picked_up, DeliveryStatus::preparing);
  is_scanned(2, DeliveryStatus::in_transit, DeliveryStatus::picked_up);
  is_scanned(3, DeliveryStatus::delivered, DeliveryStatus::preparing);
  happens(ReceiptConfirmed{id<PurchaseId>(3), hong.account, after_minutes(5)}, key(3));
  happens(cancelled(purchase(4), "변심", after_minutes(6)));
  ProductState last = tea;
  last.stock -= 3;
  happens(ProductWithdrawn{last, after_minutes(7)});
  happens(NothingChanged{{EntityKind::account, id_cast<EntityId>(hong.account)}, {{1}, 0}, {}},
          key(4));
  const Principal owner = principal(0xe1, {Role::buyer}), seller = principal(0xe2, {Role::seller});
  AccountState own = owned(alice, owner);
  own.account = id<AccountId>(0xa3);
  happens(AccountOpened{own});
  happens(AccountClosed{own, after_minutes(8)});
  own.account = id<AccountId>(0xa4);
  happens(AccountOpened{own});
  happens(ProductListed{sold(book, seller)});
  return story;
}

}  // namespace jangbu::test
