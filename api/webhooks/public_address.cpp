#include "api/webhooks/public_address.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace jangbu::webhook {

namespace {

using Bytes = std::array<std::uint8_t, 16>;  // of an IPv4 address the first four

struct Block {
  Bytes prefix;
  int bits;
};

// What is not public of IPv4.
constexpr Block special_v4[] = {
    {{0}, 8},                  // "this network"
    {{10}, 8},                 // private
    {{100, 64}, 10},           // shared by a provider's customers
    {{127}, 8},                // loopback
    {{168, 63, 129, 16}, 32},  // Azure's platform, from inside its virtual machines
    {{169, 254}, 16},          // link-local; clouds' metadata
    {{172, 16}, 12},           // private
    {{192, 0, 0}, 24},         // protocol assignments
    {{192, 0, 2}, 24},         // documentation
    {{192, 88, 99}, 24},       // relays of 6to4
    {{192, 168}, 16},          // private
    {{198, 18}, 15},           // benchmarks
    {{198, 51, 100}, 24},      // documentation
    {{203, 0, 113}, 24},       // documentation
    {{224}, 4},                // multicast
    {{240}, 4},                // reserved; broadcast
};

// Global unicast is 2000::/3, and nothing else is public; not loopback, unique local and link-local
// addresses, nor those that map IPv4 (::ffff:0:0/96) or translate it (64:ff9b::/96,
// 64:ff9b:1::/48).
constexpr Block global_v6{{0x20}, 3};

// What is not public of it.
constexpr Block special_v6[] = {
    {{0x20, 0x01, 0x00}, 23},        // protocol assignments; Teredo is 2001::/32
    {{0x20, 0x01, 0x0d, 0xb8}, 32},  // documentation
    {{0x20, 0x02}, 16},              // 6to4
    {{0x3f, 0xfe}, 16},              // the 6bone, which is no more
    {{0x3f, 0xff, 0x00}, 20},        // documentation
};

bool is_within(const Bytes& address, const Block& block) {
  const auto whole = static_cast<std::size_t>(block.bits / 8);
  if (!std::equal(block.prefix.begin(), block.prefix.begin() + static_cast<std::ptrdiff_t>(whole),
                  address.begin()))
    return false;
  const int rest = block.bits % 8;
  return rest == 0 || ((address[whole] ^ block.prefix[whole]) >> (8 - rest)) == 0;
}

}  // namespace

bool is_public_address(const sockaddr& address) {
  const auto is_in = [](const Bytes& bytes) {
    return [&bytes](const Block& block) { return is_within(bytes, block); };
  };
  Bytes bytes{};
  if (address.sa_family == AF_INET) {
    const std::uint32_t host = ntohl(reinterpret_cast<const sockaddr_in&>(address).sin_addr.s_addr);
    for (std::size_t i = 0; i < 4; ++i) bytes[i] = static_cast<std::uint8_t>(host >> (24 - 8 * i));
    return std::ranges::none_of(special_v4, is_in(bytes));
  }
  if (address.sa_family == AF_INET6) {
    std::ranges::copy(reinterpret_cast<const sockaddr_in6&>(address).sin6_addr.s6_addr,
                      bytes.begin());
    return is_within(bytes, global_v6) && std::ranges::none_of(special_v6, is_in(bytes));
  }
  return false;
}

}  // namespace jangbu::webhook
