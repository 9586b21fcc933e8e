#include "commands/account.hpp"

namespace jangbu {

const Account* find(const Shop& shop, const AccountRef& account) {
  if (const auto* id = std::get_if<AccountId>(&account)) return shop.accounts.find(*id);
  const AccountId* id = shop.account_names.find(std::get<std::string>(account));
  return id ? shop.accounts.find(*id) : nullptr;
}

Decision decide(const Shop& shop, const OpenAccount& command) {
  if (const AccountId* holder = shop.account_names.find(command.person.name))
    return refusal::AccountNameTaken{command.person.name, *holder};
  return AccountOpened{{.account = command.account,
                        .person = command.person,
                        .member_type = command.member_type,
                        .membership_level = command.membership_level,
                        .opened_at = command.at}};
}

Decision decide(const Shop& shop, const ChangeAddress& command) {
  const Account* account = shop.accounts.find(command.account);
  if (!account) return refusal::AccountNotFound{to_string(command.account)};
  if ((*account)->closed_at) return refusal::AccountIsClosed{command.account};
  if ((*account)->state.person.address == command.address) return Unchanged{*account};
  AddressChanged event{(*account)->state};
  event.state.person.address = command.address;
  return event;
}

Decision decide(const Shop& shop, const ChangeAccountDetails& command) {
  const Account* account = shop.accounts.find(command.account);
  if (!account) return refusal::AccountNotFound{to_string(command.account)};
  if ((*account)->closed_at) return refusal::AccountIsClosed{command.account};
  AccountState state = (*account)->state;
  if (command.name) state.person.name = *command.name;
  if (command.email) state.person.email = *command.email;
  if (command.membership_level) state.membership_level = *command.membership_level;
  if (const AccountId* holder = shop.account_names.find(state.person.name);
      holder && *holder != command.account)
    return refusal::AccountNameTaken{state.person.name, *holder};
  if (state == (*account)->state) return Unchanged{*account};
  return AccountDetailsChanged{state};
}

Decision decide(const Shop& shop, const CloseAccount& command) {
  const Account* account = shop.accounts.find(command.account);
  if (!account) return refusal::AccountNotFound{to_string(command.account)};
  if ((*account)->closed_at) return Unchanged{*account};
  return AccountClosed{.state = (*account)->state, .closed_at = command.at};
}

}  // namespace jangbu
