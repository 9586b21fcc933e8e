#include "api/services/sight.hpp"

#include <utility>

#include "api/answers/problem_types.hpp"
#include "api/answers/problems.hpp"

namespace jangbu {

Problem Sight::none(const http::ProblemType& not_found_type, std::string_view which) const {
  if (all || not_found_type.code != problems::account_not_found.code)
    return not_found(not_found_type, which);
  return {problems::forbidden, "Only your own account is shown to you."};
}

Problem no_own_account() {
  return {problems::account_not_found, "You have no account. POST /accounts opens one."};
}

bool Sight::owns(const Event& event) const {
  return std::visit(
      [&](const auto& fact) {
        if constexpr (requires { fact.state.owner; }) return fact.state.owner == owner;
        if constexpr (requires { fact.state.seller; }) return fact.state.seller == owner;
        if constexpr (requires { fact.buyer; }) return has(fact.buyer);
        return false;
      },
      event);
}

void with_sight(const Call& call, ReadAt at, std::function<void(const Sight&)> then) {
  with_sight(call.backend, call.asker(), at, call.exchange, std::move(then));
}

Sight sight_without_accounts(const Principal& asker) {
  return {.all = asker.acts_for_all() || asker.roles.has(Role::auditor),
          .owner = asker.id,
          .carrier = asker.carrier};
}

void with_sight(const Backend& backend, const Asker& asker, ReadAt at,
                const http::Exchange& exchange, std::function<void(const Sight&)> then) {
  Sight sight = sight_without_accounts(*asker);
  if (sight.all || !asker->roles.has(Role::buyer)) return then(sight);
  using Found = std::vector<AccountId>;
  backend.read_models.query<Found>(accounts_of(asker->id), at,
                                   [exchange, sight = std::move(sight),
                                    then = std::move(then)](QueryResult<Found> result) mutable {
                                     if (auto none = no_answer(result))
                                       return exchange.respond(std::move(*none));
                                     auto& [accounts, position] = std::get<Answer<Found>>(result);
                                     sight.accounts = std::move(accounts);
                                     sight.position = position;
                                     then(sight);
                                   });
}

}  // namespace jangbu
