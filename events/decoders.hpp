// The stored versions of events that this build can read: the current ones, and retired ones, which
// are upcast step by step to the current version.
//
// A retired version (retired.hpp) consists of the old struct with its old `wire`, and an `upcast()`
// that returns the next version's struct. It is kept forever, and so are its golden files.
#pragma once

#include <array>
#include <span>
#include <utility>

#include "events/archive.hpp"
#include "events/commit.hpp"
#include "events/events.hpp"
#include "events/retired.hpp"

namespace jangbu {

struct Decoder {
  using Function = Event (*)(CommitInput&);

  WireType wire;
  Function decode;
};

template <class Version>
Event to_current(Version version) {
  if constexpr (requires { std::move(version).upcast(); }) {
    return to_current(std::move(version).upcast());
  } else {
    return version;
  }
}

template <class Version>
constexpr Decoder decoder_of() {
  return {Version::wire, [](CommitInput& input) {
            Version version;
            input(version);
            return to_current(std::move(version));
          }};
}

namespace detail {

template <class Current, class Retired>
struct Decoders;

template <class... Current, class... Retired>
struct Decoders<std::variant<Current...>, Facts<Retired...>> {
  static constexpr std::array all{decoder_of<Current>()..., decoder_of<Retired>()...};
  static constexpr std::span current{all.data(), sizeof...(Current)};
};
using Known = Decoders<Event, RetiredFacts>;

}  // namespace detail

// The versions that this build writes.
constexpr std::span<const Decoder> current_decoders() {
  return detail::Known::current;
}

// Every version that this build can read.
constexpr std::span<const Decoder> decoders() {
  return detail::Known::all;
}

Commit decode(const StoredCommit& stored, std::span<const Decoder> decoders);

}  // namespace jangbu
