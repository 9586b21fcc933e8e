// Every command of the shop, and the conditions that any command may carry.
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

// When the command was given: its own `at`, or `now` if it has none.
Timestamp time_of(const Command& command, Timestamp now);

struct Conditions {
  std::optional<CommandKey> key;  // Idempotency-Key: carry out once
  // The same key in its former form, from before requests were compared by what they mean: a
  // command may have been remembered in that form a few hours ago, and be sent again now.
  std::optional<CommandKey> former_key = {};
  std::optional<std::vector<EventId>> if_match;  // only if the entity is at one of these versions
};

Decision decide(const Shop& shop, const Command& command, const Conditions& conditions);

// What to record for a command whose decision changes nothing: if it has a key that is not known
// yet, that key must be remembered like any other command's.
std::optional<NothingChanged> nothing_changed(const Shop& shop, const Conditions& conditions,
                                              const Decision& decision);

}  // namespace jangbu
