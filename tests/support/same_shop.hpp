// Whether two shops hold the same, row by row: a shop's own rows are shared pointers.
#pragma once

#include <algorithm>

#include "projections/views/shop.hpp"

namespace jangbu::test {

template <class Id, class Row>
bool same_rows(const Table<Id, std::shared_ptr<const Row>>& a,
               const Table<Id, std::shared_ptr<const Row>>& b) {
  return a.size() == b.size() && std::ranges::all_of(a, [&](const auto& entry) {
           const auto* other = b.find(entry.first);
           return other && **other == *entry.second;
         });
}

inline bool same(const Shop& a, const Shop& b) {
  return same_rows(a.accounts, b.accounts) && a.account_names == b.account_names &&
         same_rows(a.products, b.products) && a.product_names == b.product_names &&
         a.stock == b.stock && same_rows(a.purchases, b.purchases) && a.keys == b.keys;
}

}  // namespace jangbu::test
