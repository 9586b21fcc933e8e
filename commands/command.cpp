#include "commands/command.hpp"

namespace jangbu {

namespace {

// The version of the entity that a command is to, if there is such an entity in memory.
std::optional<EventId> version(const Shop& shop, const Command& command) {
  const auto of = [](const auto* row) {
    return row ? std::optional((*row)->version) : std::nullopt;
  };
  return std::visit(
      [&](const auto& to) -> std::optional<EventId> {
        if constexpr (requires { to.account; }) {
          return of(shop.accounts.find(to.account));
        } else if constexpr (requires { to.product; }) {
          return of(shop.products.find(to.product));
        } else if constexpr (requires { to.purchase; }) {
          return of(shop.purchases.find(to.purchase));
        } else {
          return std::nullopt;
        }
      },
      command);
}

}  // namespace

Decision decide(const Shop& shop, const Command& command, const Conditions& conditions) {
  if (conditions.key) {
    if (const auto* done = shop.keys.find(conditions.key->key)) {
      if (done->request != conditions.key->request) return refusal::KeyReused{};
      return Repeated{done->event};
    }
  }
  if (conditions.if_match) {
    const auto actual = version(shop, command);
    if (actual && *actual != *conditions.if_match)
      return refusal::VersionDiffers{*conditions.if_match, *actual};
  }
  return std::visit([&](const auto& to) { return decide(shop, to); }, command);
}

}  // namespace jangbu
