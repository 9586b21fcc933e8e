// The values that events, commands and read models consist of. Each has one written form and is
// parsed from it once, at the edge; code that holds such a value needs no further checks.
//
// Threads: plain values. Errors: `parse` returns nothing for text that is not the written form.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace jangbu {

// 16 bytes, written as a UUID (RFC 9562). The tag `Of` keeps ids of different kinds from being
// mixed up.
template <class Of>
struct Id {
  std::array<std::uint8_t, 16> bytes{};

  friend auto operator<=>(const Id&, const Id&) = default;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(bytes);
  }
};

using AccountId = Id<struct AccountTag>;
using ProductId = Id<struct ProductTag>;
// A purchase and its delivery, which share one id, made together with the purchase.
using PurchaseId = Id<struct PurchaseTag>;
// An offer made to a buyer, which can be confirmed once.
using QuoteId = Id<struct QuoteTag>;
// The entity that an event is about, whatever its kind.
using EntityId = Id<struct EntityTag>;
// Somebody who may own things here: the first 16 bytes of the SHA-256 of issuer, line feed, and
// subject there (api/access). The log holds this in place of a provider's name for a person.
using PrincipalId = Id<struct PrincipalTag>;
// One append to the log. Chosen by the writer, so that a lost acknowledgement can be distinguished
// from a conflict.
using CommitId = Id<struct CommitTag>;
// A process that may write to the log, from its start to its end.
using InstanceId = Id<struct InstanceTag>;

template <class To, class From>
constexpr To id_cast(const Id<From>& id) {
  return To{id.bytes};
}

std::string to_string(const std::array<std::uint8_t, 16>& uuid);
std::optional<std::array<std::uint8_t, 16>> parse_uuid(std::string_view text);

template <class Of>
std::string to_string(const Id<Of>& id) {
  return to_string(id.bytes);
}

template <class SomeId>
std::optional<SomeId> parse_id(std::string_view text) {
  if (const auto bytes = parse_uuid(text)) return SomeId{*bytes};
  return std::nullopt;
}

// A position in the log: the stream sequence of a commit. 0 is before the first commit.
struct Position {
  std::uint64_t value = 0;

  friend auto operator<=>(const Position&, const Position&) = default;
  Position next() const { return {value + 1}; }
};

// An event: its commit's position and its index in the commit, from 0. Written
// `<position>.<index>`.
struct EventId {
  Position position;
  std::uint32_t index = 0;

  friend auto operator<=>(const EventId&, const EventId&) = default;
};

std::string to_string(EventId id);
std::optional<EventId> parse_event_id(std::string_view text);

// Milliseconds since 1970-01-01T00:00:00Z. Written as RFC 3339 in UTC, `2026-03-01T09:30:00.000Z`.
struct Timestamp {
  // The range of RFC 3339: the first millisecond of year 1 to the last of year 9999.
  static constexpr std::int64_t earliest_ms = -62'135'596'800'000;
  static constexpr std::int64_t latest_ms = 253'402'300'799'999;

  std::int64_t ms = 0;

  friend auto operator<=>(const Timestamp&, const Timestamp&) = default;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(ms);
    if (Archive::is_loading::value && (ms < earliest_ms || ms > latest_ms))
      throw std::out_of_range("a time is not in the years 1 to 9999");
  }
};

std::string to_string(Timestamp time);
// Any RFC 3339 time in years 1 to 9999; offsets are converted to UTC, digits past ms are dropped.
std::optional<Timestamp> parse_timestamp(std::string_view text);

// An alphabetic ISO 4217 code.
struct Currency {
  std::array<char, 3> code{'K', 'R', 'W'};

  friend auto operator<=>(const Currency&, const Currency&) = default;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(code);
  }
};

std::string_view to_string(const Currency& currency);
std::optional<Currency> parse_currency(std::string_view text);

// Integer minor units: 39900 KRW is 39,900 won, 39900 USD is 399 dollars. Never negative.
struct Money {
  static constexpr std::int64_t max_amount = 10'000'000'000'000;

  std::int64_t amount = 0;
  Currency currency{};

  friend bool operator==(const Money&, const Money&) = default;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(amount, currency);
  }
};

std::string to_string(const Money& money);  // "39900 KRW"

struct Address {
  std::string line;
  std::string zip_code;

  friend bool operator==(const Address&, const Address&) = default;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(line, zip_code);
  }
};

// An enumeration is stored as its number and names its `last` value: reading rejects higher ones.
enum class MemberType : std::uint8_t { buyer, seller, last = seller };
enum class MembershipLevel : std::uint8_t { none, silver, gold, vip, last = vip };

std::string_view to_string(MemberType type);        // "buyer"
std::string_view to_string(MembershipLevel level);  // "VIP"; empty for none
std::optional<MemberType> parse_member_type(std::string_view text);
std::optional<MembershipLevel> parse_membership_level(std::string_view text);

// How far a delivery has come. Carriers report the first ten, except `preparing`.
enum class DeliveryStatus : std::uint8_t {
  preparing,
  label_created,
  picked_up,
  in_transit,
  out_for_delivery,
  attempt_failed,
  available_for_pickup,
  exception,
  delivered,
  returned_to_sender,
  cancelled,
  receipt_confirmed,
  last = receipt_confirmed,
};

std::string_view to_string(DeliveryStatus status);  // "out-for-delivery"
std::optional<DeliveryStatus> parse_delivery_status(std::string_view text);
// Nothing more happens to the delivery.
bool is_closed(DeliveryStatus status);

}  // namespace jangbu

template <class Of>
struct std::hash<jangbu::Id<Of>> {
  // Ids are UUIDv7: the last eight bytes are random.
  std::size_t operator()(const jangbu::Id<Of>& id) const noexcept {
    return std::bit_cast<std::array<std::uint64_t, 2>>(id.bytes)[1];
  }
};
