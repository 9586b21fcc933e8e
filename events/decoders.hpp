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
  // Reads the event into its place, since moving one from place to place takes as long as reading
  // it; and into the memory of the one that was there, if it was of the same kind.
  using Function = void (*)(CommitInput&, Event&);

  WireType wire;
  Function decode;
};

template <class Version>
inline constexpr bool is_current = !requires(Version version) {
  std::move(version).upcast();
};

template <class Version>
Event to_current(Version version) {
  if constexpr (is_current<Version>) {
    return version;
  } else {
    return to_current(std::move(version).upcast());
  }
}

template <class Version>
constexpr Decoder decoder_of() {
  return {Version::wire, [](CommitInput& input, Event& event) {
            if constexpr (is_current<Version>) {
              Version* const same = std::get_if<Version>(&event);
              input(same ? *same : event.emplace<Version>());
            } else {
              Version version;
              input(version);
              event = to_current(std::move(version));
            }
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
