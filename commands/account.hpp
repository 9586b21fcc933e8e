// Commands on accounts.
//
// Texts arrive here normalised and within their limits (api/requests). A name belongs to at most
// one open account, and an owner has at most one.
#pragma once

#include <optional>
#include <string>

#include "commands/decision.hpp"

namespace jangbu {

struct OpenAccount {
  AccountId account;  // new
  Person person;
  MemberType member_type = MemberType::buyer;
  MembershipLevel membership_level = MembershipLevel::none;
  Timestamp at;
  std::optional<PrincipalId> owner = {};  // none: it is opened for somebody else, by a clerk
};

struct ChangeAddress {
  AccountId account;
  Address address;
};

struct ChangeAccountDetails {
  AccountId account;
  std::optional<std::string> name;
  std::optional<std::string> email;
  std::optional<MembershipLevel> membership_level;
};

struct CloseAccount {
  AccountId account;
  Timestamp at;
};

Decision decide(const Shop& shop, const OpenAccount& command);
Decision decide(const Shop& shop, const ChangeAddress& command);
Decision decide(const Shop& shop, const ChangeAccountDetails& command);
Decision decide(const Shop& shop, const CloseAccount& command);

}  // namespace jangbu
