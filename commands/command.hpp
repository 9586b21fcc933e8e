// Every command of the shop, and the conditions that any of them may come with.
#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "commands/account.hpp"
#include "commands/delivery.hpp"
#include "commands/product.hpp"
#include "commands/purchase.hpp"
#include "events/commit.hpp"

namespace jangbu {

using Command =
    std::variant<OpenAccount, ChangeAddress, ChangeAccountDetails, CloseAccount, ListProduct,
                 ChangePrice, ChangeStock, WithdrawProduct, RequestQuote, ConfirmQuote, BuyNow,
                 CancelPurchase, RecordScan, ConfirmReceipt, LeaveClosed>;

// When it was given: what it says itself, or `now`, of one that does not say.
Timestamp time_of(const Command& command, Timestamp now);

struct Conditions {
  std::optional<CommandKey> key;  // Idempotency-Key: carry out once
  // The same, as it was made before requests were compared by what they mean: a command may have
  // been remembered like that a few hours ago, and be sent again now.
  std::optional<CommandKey> former_key = {};
  std::optional<std::vector<EventId>> if_match;  // only if the entity is at one of these versions
};

Decision decide(const Shop& shop, const Command& command, const Conditions& conditions);

// What is recorded of a command that was decided to change nothing: if it has a key that is not
// known yet, that key is to be remembered like those of others.
std::optional<NothingChanged> nothing_changed(const Shop& shop, const Conditions& conditions,
                                              const Decision& decision);

}  // namespace jangbu
