#include "projections/tables/registry.hpp"

#include <array>

#include "projections/tables/accounts.hpp"
#include "projections/tables/deliveries.hpp"
#include "projections/tables/history.hpp"
#include "projections/tables/products.hpp"
#include "projections/tables/purchases.hpp"

namespace jangbu {

std::span<const ReadModel* const> read_models() {
  static constexpr std::array<const ReadModel*, 5> all{
      &accounts_model,    //
      &products_model,    //
      &purchases_model,   //
      &deliveries_model,  //
      &history_model,
  };
  return all;
}

}  // namespace jangbu
