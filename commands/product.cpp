#include "commands/product.hpp"

#include <utility>

#include "events/errors.hpp"

namespace jangbu {

namespace {

Unchanged unchanged(const Shop& shop, const ProductView& row) {
  ProductView now = row;
  now.state = state_now(shop, row);
  return {std::make_shared<const ProductView>(std::move(now))};
}

}  // namespace

std::optional<ProductHead> find(const Shop& shop, const ProductRef& product) {
  const auto* id = std::get_if<ProductId>(&product);
  auto begun = id ? shop.products.begin<ProductHead>(*id)
                  : shop.products.begin_by_name<ProductHead>(std::get<std::string>(product));
  if (!begun) return std::nullopt;
  return std::move(begun->head);
}

ProductState state_now(const Shop& shop, const ProductView& row) {
  const auto stock = shop.stock.find(row.state.product);
  invariant(stock.has_value(), "every product has a stock");
  ProductState state = row.state;
  state.stock = stock->pieces;
  return state;
}

Decision decide(const Shop& shop, const ListProduct& command) {
  if (const auto holder = shop.products.find_by_name(command.name))
    return refusal::ProductNameTaken{command.name, holder->state.product};
  return ProductListed{{.product = command.product,
                        .name = command.name,
                        .unit_price = command.unit_price,
                        .stock = command.stock,
                        .description = command.description,
                        .listed_at = command.at,
                        .seller = command.seller}};
}

Decision decide(const Shop& shop, const ChangePrice& command) {
  const auto product = shop.products.find(command.product);
  if (!product) return refusal::ProductNotFound{to_string(command.product)};
  if (product->withdrawn_at) return refusal::ProductIsWithdrawn{command.product};
  if (product->state.unit_price == command.unit_price) return unchanged(shop, *product);
  PriceChanged event{state_now(shop, *product)};
  event.state.unit_price = command.unit_price;
  return event;
}

Decision decide(const Shop& shop, const ChangeStock& command) {
  const auto product = shop.products.find(command.product);
  if (!product) return refusal::ProductNotFound{to_string(command.product)};
  if (product->withdrawn_at) return refusal::ProductIsWithdrawn{command.product};
  StockChanged event{state_now(shop, *product), command.change, command.reason};
  if (command.change < -event.state.stock)
    return refusal::InsufficientStock{command.product, event.state.name, -command.change,
                                      event.state.stock};
  if (command.change > 0 && command.change > max_stock - event.state.stock)
    return refusal::StockTooLarge{command.product};
  event.state.stock += command.change;
  return event;
}

Decision decide(const Shop& shop, const WithdrawProduct& command) {
  const auto product = shop.products.find(command.product);
  if (!product) return refusal::ProductNotFound{to_string(command.product)};
  if (product->withdrawn_at) return unchanged(shop, *product);
  return ProductWithdrawn{.state = state_now(shop, *product), .withdrawn_at = command.at};
}

}  // namespace jangbu
