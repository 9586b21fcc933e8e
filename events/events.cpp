#include "events/events.hpp"

namespace jangbu {

namespace {

Entity of_state(const AccountState& state) {
  return {EntityKind::account, id_cast<EntityId>(state.account)};
}

Entity of_state(const ProductState& state) {
  return {EntityKind::product, id_cast<EntityId>(state.product)};
}

}  // namespace

std::string_view to_string(EntityKind kind) {
  switch (kind) {
    case EntityKind::account:
      return "account";
    case EntityKind::product:
      return "product";
    case EntityKind::purchase:
      return "purchase";
  }
  return "";
}

WireType wire_type(const Event& event) {
  return std::visit([](const auto& fact) { return fact.wire; }, event);
}

Entity entity_of(const Event& event) {
  return std::visit(
      [](const auto& fact) -> Entity {
        if constexpr (requires { fact.state; }) {
          return of_state(fact.state);
        } else if constexpr (requires { fact.entity; }) {
          return fact.entity;
        } else {
          return {EntityKind::purchase, id_cast<EntityId>(fact.purchase)};
        }
      },
      event);
}

}  // namespace jangbu
