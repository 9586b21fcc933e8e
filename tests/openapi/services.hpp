// All five services, to be looked at.
#pragma once

#include <functional>

#include "api/services/service.hpp"

namespace jangbu::test {

inline const std::reference_wrapper<const Service> services[] = {
    account_service, product_service, purchase_service, delivery_service, operations_service};

}  // namespace jangbu::test
