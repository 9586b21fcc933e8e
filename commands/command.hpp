// Every command of the shop, and the conditions that any command may carry.
#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "commands/account.hpp"
#include "commands/delivery.hpp"
#include "commands/principal.hpp"
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
  // The same key in its former forms: a command may have been remembered in one of them a few hours
  // ago, and be sent again now. `key` covers who asks, while access control is on; these never do.
  // So to those who do not act for all they count only with the same request, and then the result
  // says that its key was `unscoped`.
  std::vector<CommandKey> former_keys = {};
  std::optional<std::vector<EventId>> if_match;  // only if the entity is at one of these versions
};

// Ownership first, then the key, the version, and the command's own rules: to somebody whose it is
// not, neither a repeat nor a version tells anything.
Decision decide(const Shop& shop, const Command& command, const Conditions& conditions,
                const Principal& asker);

// What to record for a command whose decision changes nothing: if it has a key that is not known
// yet, that key must be remembered like any other command's.
std::optional<NothingChanged> nothing_changed(const Shop& shop, const Conditions& conditions,
                                              const Principal& asker, const Decision& decision);

}  // namespace jangbu
