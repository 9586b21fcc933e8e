#include "commands/account.hpp"

namespace jangbu {

namespace {

Unchanged unchanged(AccountView account) {
  return {std::make_shared<const AccountView>(std::move(account))};
}

}  // namespace

std::optional<AccountView> find(const Shop& shop, const AccountRef& account) {
  if (const auto* id = std::get_if<AccountId>(&account)) return shop.accounts.find(*id);
  if (const auto* owner = std::get_if<PrincipalId>(&account)) {
    const auto open = shop.owners.find(*owner);
    return open ? shop.accounts.find(open->account) : std::nullopt;
  }
  return shop.accounts.find_by_name(std::get<std::string>(account));
}

Decision decide(const Shop& shop, const OpenAccount& command) {
  if (command.owner)
    if (const auto open = shop.owners.find(*command.owner))
      return refusal::AccountAlreadyOpen{open->account};
  if (const auto holder = shop.accounts.find_by_name(command.person.name))
    return refusal::AccountNameTaken{command.person.name, holder->state.account};
  return AccountOpened{{.account = command.account,
                        .person = command.person,
                        .member_type = command.member_type,
                        .membership_level = command.membership_level,
                        .opened_at = command.at,
                        .owner = command.owner}};
}

Decision decide(const Shop& shop, const ChangeAddress& command) {
  auto account = shop.accounts.find(command.account);
  if (!account) return refusal::AccountNotFound{to_string(command.account)};
  if (account->closed_at) return refusal::AccountIsClosed{command.account};
  if (account->state.person.address == command.address) return unchanged(*std::move(account));
  AddressChanged event{std::move(account->state)};
  event.state.person.address = command.address;
  return event;
}

Decision decide(const Shop& shop, const ChangeAccountDetails& command) {
  auto account = shop.accounts.find(command.account);
  if (!account) return refusal::AccountNotFound{to_string(command.account)};
  if (account->closed_at) return refusal::AccountIsClosed{command.account};
  AccountState state = account->state;
  if (command.name) state.person.name = *command.name;
  if (command.email) state.person.email = *command.email;
  if (command.membership_level) state.membership_level = *command.membership_level;
  if (const auto holder = shop.accounts.find_by_name(state.person.name);
      holder && holder->state.account != command.account)
    return refusal::AccountNameTaken{state.person.name, holder->state.account};
  if (state == account->state) return unchanged(*std::move(account));
  return AccountDetailsChanged{state};
}

Decision decide(const Shop& shop, const CloseAccount& command) {
  auto account = shop.accounts.find(command.account);
  if (!account) return refusal::AccountNotFound{to_string(command.account)};
  if (account->closed_at) return unchanged(*std::move(account));
  return AccountClosed{.state = account->state, .closed_at = command.at};
}

}  // namespace jangbu
