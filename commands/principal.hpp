// Who asks: what somebody may do, and what is theirs.
//
// Threads: plain values, shared as constants.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>

#include "events/values.hpp"

namespace jangbu {

enum class Role : std::uint8_t { buyer, seller, carrier, clerk, auditor, operator_ };
inline constexpr std::size_t role_count = 6;

// A set of roles.
class Roles {
 public:
  constexpr Roles() = default;
  constexpr Roles(std::initializer_list<Role> roles) {
    for (const Role role : roles) bits_ |= bit(role);
  }

  constexpr bool has(Role role) const { return (bits_ & bit(role)) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr void add(Role role) { bits_ |= bit(role); }

  // Those that are in both.
  friend constexpr Roles operator&(Roles a, Roles b) {
    a.bits_ &= b.bits_;
    return a;
  }
  friend constexpr bool operator==(Roles, Roles) = default;

 private:
  static constexpr std::uint8_t bit(Role role) {
    return static_cast<std::uint8_t>(1U << static_cast<unsigned>(role));
  }

  std::uint8_t bits_ = 0;
};

struct Principal {
  PrincipalId id;
  std::string name;  // for people: "https://id.example|alice", "key:till-3"; empty: nobody known
  Roles roles;
  std::string carrier;   // whose deliveries it sees; empty unless it has the role
  bool may_all = false;  // access control is off

  // Whether what it does with things is not bound to its being their owner.
  bool acts_for_all() const { return may_all || roles.has(Role::clerk); }
};

using Asker = std::shared_ptr<const Principal>;  // never null

// Whoever asks while access control is off.
const Asker& anyone();

}  // namespace jangbu
