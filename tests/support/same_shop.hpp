// Whether two shops have the same contents.
#pragma once

#include "projections/views/shop.hpp"

namespace jangbu::test {

inline bool same(const Shop& a, const Shop& b) {
  return a.accounts == b.accounts && a.owners == b.owners && a.products == b.products &&
         a.stock == b.stock && a.purchases == b.purchases && a.keys == b.keys;
}

}  // namespace jangbu::test
