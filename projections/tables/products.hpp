// The read model `products`: one row per product, withdrawn ones included.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "events/values.hpp"
#include "projections/tables/read_model.hpp"

namespace jangbu {

struct ProductRow {
  ProductId id;
  std::string name;
  Money unit_price;
  std::int64_t stock = 0;  // pieces that can be bought
  std::string description;
  Timestamp listed_at;
  std::optional<Timestamp> withdrawn_at;
  std::optional<PrincipalId> seller;  // none: the clerks'
  EventId version;                    // purchases move the stock but not the version

  friend bool operator==(const ProductRow&, const ProductRow&) = default;
};

extern const ReadModel products_model;

Query<std::optional<ProductRow>> product_by_id(const ProductId& id);
// The listed product with that name, not a withdrawn one.
Query<std::optional<ProductRow>> product_by_name(std::string_view name);
// Newest first, withdrawn ones included.
Query<Page<ProductRow>> list_products(const From<ProductId>& from);
// The listed products whose names begin with this text (name_range.hpp), sorted by name.
Query<Page<ProductRow>> list_products_beginning_with(std::string_view beginning,
                                                     const From<ProductId>& from);

}  // namespace jangbu
