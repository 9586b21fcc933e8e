// What the asker of a query may see: everything, what belongs to its accounts, or what its carrier
// delivers. Products are for all who may ask for them.
//
// Threads: plain values; found as queries.hpp says.
#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "api/answers/problem.hpp"
#include "api/services/service.hpp"
#include "projections/queries/read_models.hpp"
#include "projections/tables/accounts.hpp"
#include "projections/tables/deliveries.hpp"
#include "projections/tables/products.hpp"
#include "projections/tables/purchases.hpp"

namespace jangbu {

struct Sight {
  bool all = false;
  PrincipalId owner = {};                // the asker, who may own accounts and products,
  std::vector<AccountId> accounts = {};  // these, the newest first, if it is a buyer
  std::string carrier = {};
  Position position = {};  // of the read model that said so

  // Whether a buyer's purchase is one of the asker's.
  bool has(const AccountId& account) const {
    return std::ranges::find(accounts, account) != accounts.end();
  }

  bool sees(const AccountRow& account) const { return all || account.owner == owner; }
  bool sees(const ProductRow&) const { return true; }
  bool sees(const PurchaseRow& purchase) const { return all || has(purchase.buyer); }
  bool sees(const DeliveryRow& delivery) const {
    return all || has(delivery.buyer) || (!carrier.empty() && delivery.carrier() == carrier);
  }

  // Whether an event is about something of the asker's own.
  bool owns(const Event& event) const;

  // What is answered about something that does not exist, or that the asker does not see. To a
  // buyer all accounts but its own look alike.
  Problem none(const http::ProblemType& not_found, std::string_view which) const;
};

// A buyer asks about its own things and has no account.
Problem no_own_account();

// For what does not depend on the asker's accounts: accounts themselves, and products.
Sight sight_without_accounts(const Principal& asker);

// Calls `then` with what the asker may see: at once, unless that takes looking up its accounts in
// the read model, on whose thread it is then called.
void with_sight(const Backend& backend, const Asker& asker, ReadAt at,
                const http::Exchange& exchange, std::function<void(const Sight&)> then);
void with_sight(const Call& call, ReadAt at, std::function<void(const Sight&)> then);

}  // namespace jangbu
