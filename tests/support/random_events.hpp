// Random events for rapidcheck: every type and every field, whether or not they make a consistent
// history. Call these within a property, or make a generator: `*rc::gen::exec(any_commit)`.
#pragma once

#include <rapidcheck.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "events/commit.hpp"
#include "events/events.hpp"

namespace jangbu::test {

inline std::string any_text() {
  return *rc::gen::oneOf(
      rc::gen::arbitrary<std::string>(),
      rc::gen::element<std::string>("", "홍길동", "서울특별시 종로구 세종대로 209",
                                    std::string("a\0b", 3)));
}

template <class SomeId>
SomeId any_id() {
  return SomeId{*rc::gen::arbitrary<std::array<std::uint8_t, 16>>()};
}

inline std::int64_t any_number() {
  return *rc::gen::oneOf(rc::gen::arbitrary<std::int64_t>(),
                         rc::gen::element(std::numeric_limits<std::int64_t>::min(),
                                          std::numeric_limits<std::int64_t>::max()));
}

inline Timestamp any_time() {
  return {*rc::gen::oneOf(rc::gen::inRange(Timestamp::earliest_ms, Timestamp::latest_ms + 1),
                          rc::gen::element(Timestamp::earliest_ms, Timestamp::latest_ms))};
}

template <class Enumeration>
Enumeration any() {
  return static_cast<Enumeration>(*rc::gen::inRange(0, static_cast<int>(Enumeration::last) + 1));
}

inline Money any_money() {
  return {any_number(), *rc::gen::element(Currency{{'K', 'R', 'W'}}, Currency{{'U', 'S', 'D'}})};
}

inline Address any_address() {
  return {any_text(), any_text()};
}

inline std::optional<PrincipalId> anybody() {
  if (*rc::gen::arbitrary<bool>()) return std::nullopt;
  return any_id<PrincipalId>();
}

inline AccountState any_account() {
  return {any_id<AccountId>(), Person{any_text(), any_text(), any_address()},
          any<MemberType>(),   any<MembershipLevel>(),
          any_time(),          anybody()};
}

inline ProductState any_product() {
  return {any_id<ProductId>(), any_text(), any_money(), any_number(),
          any_text(),          any_time(), anybody()};
}

inline PurchaseLine any_line() {
  return {any_id<ProductId>(), any_text(), any_money(), any_number(), any_money()};
}

inline std::vector<PurchaseLine> any_lines() {
  std::vector<PurchaseLine> lines;
  for (int count = *rc::gen::inRange(0, 4); count > 0; --count) lines.push_back(any_line());
  return lines;
}

inline Recipient any_recipient() {
  return {any_text(), any_address()};
}

inline Scan any_scan() {
  return {any_text(), any_text(), any<DeliveryStatus>(), any_text(), any_text(), any_time()};
}

// One overload per event: a new event does not compile until it has one.
inline void fill(AccountOpened& event) {
  event.state = any_account();
}
inline void fill(AddressChanged& event) {
  event.state = any_account();
}
inline void fill(AccountDetailsChanged& event) {
  event.state = any_account();
}
inline void fill(AccountClosed& event) {
  event = {any_account(), any_time()};
}
inline void fill(ProductListed& event) {
  event.state = any_product();
}
inline void fill(PriceChanged& event) {
  event.state = any_product();
}
inline void fill(StockChanged& event) {
  event = {any_product(), any_number(), any_text()};
}
inline void fill(ProductWithdrawn& event) {
  event = {any_product(), any_time()};
}
inline void fill(PurchaseCompleted& event) {
  event = {any_id<PurchaseId>(),
           any_id<AccountId>(),
           any_recipient(),
           any_lines(),
           any_money(),
           {},
           any_time()};
  if (*rc::gen::arbitrary<bool>()) event.quote = any_id<QuoteId>();
}
inline void fill(PurchaseCancelled& event) {
  event = {any_id<PurchaseId>(), any_id<AccountId>(), any_recipient(), any_lines(),
           any_money(),          any_time(),          any_text(),      any_time()};
}
inline void fill(DeliveryScanned& event) {
  event = {any_id<PurchaseId>(), any_id<AccountId>(), any_scan(), any<DeliveryStatus>(), {}};
  if (*rc::gen::arbitrary<bool>()) event.previous = any<DeliveryStatus>();
}
inline void fill(ReceiptConfirmed& event) {
  event = {any_id<PurchaseId>(), any_id<AccountId>(), any_time()};
}
inline void fill(NothingChanged& event) {
  event = {{any<EntityKind>(), any_id<EntityId>()},
           {{*rc::gen::arbitrary<std::uint64_t>()}, *rc::gen::arbitrary<std::uint32_t>()},
           {}};
  if (*rc::gen::arbitrary<bool>()) event.stock = any_number();
}

// An event of the type with the index `wanted` in the variant Event.
template <std::size_t type = 0>
Event any_event_of(std::size_t wanted) {
  if constexpr (type + 1 < std::variant_size_v<Event>)
    if (wanted != type) return any_event_of<type + 1>(wanted);
  std::variant_alternative_t<type, Event> event;
  fill(event);
  return event;
}

inline Event any_event() {
  return any_event_of(*rc::gen::inRange<std::size_t>(0, std::variant_size_v<Event>));
}

inline Envelope any_envelope() {
  Envelope envelope{any_time(), {}, any_text(), any_text(), any_text()};
  if (*rc::gen::arbitrary<bool>())
    envelope.command_key = CommandKey{any_id<KeyHash>(), any_id<RequestHash>()};
  return envelope;
}

inline RecordedEvent any_recorded_event() {
  return {any_envelope(), any_event()};
}

inline Commit any_commit() {
  Commit commit{any_time(), {}};
  for (int count = *rc::gen::inRange(0, 5); count > 0; --count)
    commit.events.push_back(any_recorded_event());
  return commit;
}

}  // namespace jangbu::test
