// The read model `accounts`: one row per account, closed ones included.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/values.hpp"
#include "projections/tables/read_model.hpp"

namespace jangbu {

struct AccountRow {
  AccountId id;
  std::string name;
  std::string email;  // empty: none given
  Address address;
  MemberType member_type = MemberType::buyer;
  MembershipLevel membership_level = MembershipLevel::none;
  Timestamp opened_at;
  std::optional<Timestamp> closed_at;
  std::optional<PrincipalId> owner;  // none: the clerks'
  EventId version;

  friend bool operator==(const AccountRow&, const AccountRow&) = default;
};

extern const ReadModel accounts_model;

Query<std::optional<AccountRow>> account_by_id(const AccountId& id);
// The open account with that name.
Query<std::optional<AccountRow>> account_by_name(std::string_view name);
// All that this principal has opened for itself, closed ones included: the newest 100, newest
// first.
inline constexpr int most_accounts_of = 100;
Query<std::vector<AccountId>> accounts_of(const PrincipalId& owner);
// Newest first, closed ones included.
Query<Page<AccountRow>> list_accounts(const From<AccountId>& from);
// Those of this owner.
Query<Page<AccountRow>> list_accounts_of(const PrincipalId& owner, const From<AccountId>& from);
// The open accounts whose names begin with this text (name_range.hpp), sorted by name.
Query<Page<AccountRow>> list_accounts_beginning_with(std::string_view beginning,
                                                     const From<AccountId>& from);

}  // namespace jangbu
