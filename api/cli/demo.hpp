// `jangbu demo`: accounts, products and a few purchases to look at, over HTTP like any client.
#pragma once

namespace jangbu {

// Loads the demo data into the shop whose operations service has this port on loopback; returns the
// exit status. Existing data is left as it is, so an interrupted load can simply be run again.
int load_demo(int port_base);

}  // namespace jangbu
