// The outcome of a command. Deciding is pure: it reads the shop and the command, and nothing else;
// time and new ids come with the command.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "commands/refusals.hpp"
#include "events/events.hpp"
#include "events/values.hpp"
#include "projections/views/shop.hpp"

namespace jangbu {

// Everything is already as the command asks, so there is nothing to record.
struct Unchanged {
  EntityView entity;
};

// The same command was carried out before: the answer is built from its event again.
struct Repeated {
  EventId event;
  // Set when another command did this, with another key or none: the purchase that resulted.
  std::optional<PurchaseId> purchase = {};
  // Found by a key that does not say whose it was (Conditions::former_keys), for somebody who does
  // not act for all. Only the event tells: whoever reads it answers with KeyReused unless it is of
  // an account, product or purchase of theirs.
  bool unscoped = false;

  friend bool operator==(const Repeated&, const Repeated&) = default;
};

// What a purchase would be, for the buyer to check. Nothing is recorded.
struct Offer {
  AccountId buyer;
  Recipient recipient;
  std::vector<PurchaseLine> lines;
  Money total;

  friend bool operator==(const Offer&, const Offer&) = default;
};

using Decision = std::variant<Event, Unchanged, Repeated, Offer, Refusal>;

// How a request names an account or a product: by id, or by the name of an open one; or the account
// that this principal has open.
using AccountRef = std::variant<AccountId, std::string, PrincipalId>;
using ProductRef = std::variant<ProductId, std::string>;

// What a reference names, if it exists.
std::optional<AccountView> find(const Shop& shop, const AccountRef& account);
std::optional<ProductHead> find(const Shop& shop, const ProductRef& product);

}  // namespace jangbu
