// `jangbu demo`: accounts, products and a few purchases to look at, over HTTP like any client.
#pragma once

#include "api/client/shop_client.hpp"

namespace jangbu {

// Loads the demo data into a running shop; returns the exit status. Existing data is left as it is,
// so an interrupted load can simply be run again.
int load_demo(const ShopPlace& shop);

}  // namespace jangbu
