#include "events/values.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <limits>
#include <string>

#include "tests/support/property.hpp"
#include "tests/support/random_events.hpp"

namespace jangbu::test {

namespace {

std::int64_t ms(const char* text) {
  const auto time = parse_timestamp(text);
  INFO(text);
  REQUIRE(time);
  return time->ms;
}

}  // namespace

TEST_CASE("an id is written as a UUID") {
  AccountId id;
  for (std::uint8_t i = 0; i < 16; ++i) id.bytes[i] = static_cast<std::uint8_t>(17 * i);
  CHECK(to_string(id) == "00112233-4455-6677-8899-aabbccddeeff");
  CHECK(parse_id<AccountId>("00112233-4455-6677-8899-aabbccddeeff") == id);
  CHECK(parse_id<AccountId>("00112233-4455-6677-8899-AABBCCDDEEFF") == id);
}

TEST_CASE("what is not a UUID is no id") {
  const char* text =
      GENERATE("", "0", "00112233445566778899aabbccddeeff", "00112233-4455-6677-8899-aabbccddeef",
               "00112233-4455-6677-8899-aabbccddeeff0", " 0112233-4455-6677-8899-aabbccddeeff",
               "00112233-4455-6677-8899-aabbccddeefg", "0011223-34455-6677-8899-aabbccddeeff",
               "00112233_4455_6677_8899_aabbccddeeff", "{0112233-4455-6677-8899-aabbccddeef}",
               "-0112233-4455-6677-8899-aabbccddeeff", "0x112233-4455-6677-8899-aabbccddeeff");
  CHECK_FALSE(parse_id<AccountId>(text));
}

TEST_CASE("any id is read as it was written") {
  property("parse_id(to_string(id)) == id", [] {
    const auto id = any_id<ProductId>();
    RC_ASSERT(parse_id<ProductId>(to_string(id)) == id);
  });
}

TEST_CASE("an event id is a position and an index") {
  CHECK(to_string(EventId{{12}, 3}) == "12.3");
  CHECK(parse_event_id("12.3") == EventId{{12}, 3});
  CHECK(parse_event_id("18446744073709551615.4294967295") ==
        EventId{{std::numeric_limits<std::uint64_t>::max()},
                std::numeric_limits<std::uint32_t>::max()});
  CHECK(EventId{{1}, 9} < EventId{{2}, 0});
  CHECK(EventId{{2}, 0} < EventId{{2}, 1});
}

TEST_CASE("what is not an event id is none") {
  const char* text =
      GENERATE("", ".", "1", "1.", ".1", "-1.0", "1.-1", "+1.0", "1.+1", " 1.0", "1.0 ", "1.0.0",
               "18446744073709551616.0", "1.4294967296", "a.b", "0x1.0", "1,0");
  CHECK_FALSE(parse_event_id(text));
}

TEST_CASE("a time is written in UTC with milliseconds") {
  CHECK(to_string(Timestamp{0}) == "1970-01-01T00:00:00.000Z");
  CHECK(to_string(Timestamp{1'772'357'400'007}) == "2026-03-01T09:30:00.007Z");
  CHECK(to_string(Timestamp{-1}) == "1969-12-31T23:59:59.999Z");
  CHECK(to_string(Timestamp{951'782'400'000}) == "2000-02-29T00:00:00.000Z");
}

TEST_CASE("a time is read in any offset") {
  CHECK(ms("2026-03-01T09:30:00Z") == 1'772'357'400'000);
  CHECK(ms("2026-03-01t09:30:00z") == 1'772'357'400'000);
  CHECK(ms("2026-03-01T18:30:00+09:00") == 1'772'357'400'000);
  CHECK(ms("2026-03-01T00:15:00.000-09:15") == 1'772'357'400'000);
  CHECK(ms("2026-02-28T23:59:59+00:00") == ms("2026-03-01T00:59:59+01:00"));
  CHECK(ms("1970-01-01T00:00:00-00:00") == 0);
}

TEST_CASE("a fraction of a second is cut to milliseconds") {
  CHECK(ms("1970-01-01T00:00:00.1Z") == 100);
  CHECK(ms("1970-01-01T00:00:00.12Z") == 120);
  CHECK(ms("1970-01-01T00:00:00.123Z") == 123);
  CHECK(ms("1970-01-01T00:00:00.9999999999999999999999999Z") == 999);
}

TEST_CASE("leap years and leap seconds are known") {
  CHECK(ms("2024-02-29T00:00:00Z") + 86'400'000 == ms("2024-03-01T00:00:00Z"));
  CHECK(ms("2000-02-29T00:00:00Z") + 86'400'000 == ms("2000-03-01T00:00:00Z"));
  CHECK_FALSE(parse_timestamp("2023-02-29T00:00:00Z"));
  CHECK_FALSE(parse_timestamp("1900-02-29T00:00:00Z"));
  CHECK(ms("2016-12-31T23:59:60Z") == ms("2017-01-01T00:00:00Z"));
}

TEST_CASE("times are of the years 1 to 9999 in UTC") {
  CHECK(to_string(Timestamp{ms("0001-01-01T00:00:00Z")}) == "0001-01-01T00:00:00.000Z");
  CHECK(to_string(Timestamp{ms("9999-12-31T23:59:59.999Z")}) == "9999-12-31T23:59:59.999Z");
  CHECK_FALSE(parse_timestamp("0000-12-31T23:59:59Z"));
  CHECK_FALSE(parse_timestamp("0001-01-01T00:00:00+00:01"));
  CHECK_FALSE(parse_timestamp("9999-12-31T23:59:00-00:01"));
  CHECK_FALSE(parse_timestamp("9999-12-31T23:59:60Z"));
  CHECK(parse_timestamp("0001-01-01T00:01:00+00:01"));
}

TEST_CASE("what is not a time of RFC 3339 is none") {
  const char* text =
      GENERATE("", "2026", "2026-03-01", "2026-03-01T09:30:00", "2026-03-01T09:30Z",
               "2026-03-01 09:30:00Z", "2026-3-01T09:30:00Z", "2026-13-01T09:30:00Z",
               "2026-00-01T09:30:00Z", "2026-04-31T09:30:00Z", "2026-03-00T09:30:00Z",
               "2026-03-01T24:00:00Z", "2026-03-01T09:60:00Z", "2026-03-01T09:30:61Z",
               "2026-03-01T09:30:00.Z", "2026-03-01T09:30:00,5Z", "2026-03-01T09:30:00+0900",
               "2026-03-01T09:30:00+24:00", "2026-03-01T09:30:00+09:60", "2026-03-01T09:30:00+09",
               "2026-03-01T09:30:00Zx", "+026-03-01T09:30:00Z", "-026-03-01T09:30:00Z",
               "12026-03-01T09:30:00Z", "2026-03-01T-9:30:00Z", "2026/03/01T09:30:00Z");
  CAPTURE(text);
  CHECK_FALSE(parse_timestamp(text));
}

TEST_CASE("any time is read as it was written") {
  property("parse_timestamp(to_string(time)) == time", [] {
    const Timestamp time{
        *rc::gen::inRange(std::int64_t{-62'135'596'800'000}, std::int64_t{253'402'300'800'000})};
    RC_ASSERT(parse_timestamp(to_string(time)) == time);
  });
}

TEST_CASE("currencies are the codes of ISO 4217") {
  for (const char* code : {"KRW", "USD", "EUR", "JPY", "AED", "ZWG"}) {
    CAPTURE(code);
    REQUIRE(parse_currency(code));
    CHECK(to_string(*parse_currency(code)) == code);
  }
  for (const char* text :
       {"", "KR", "KRWW", "krw", "XXX", "XTS", "XAU", "ABC", "RWK", "D A", "   "}) {
    CAPTURE(text);
    CHECK_FALSE(parse_currency(text));
  }
  CHECK(to_string(Money{39'900, *parse_currency("KRW")}) == "39900 KRW");
}

TEST_CASE("every delivery status has a name of its own") {
  std::vector<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(DeliveryStatus::last); ++i) {
    const auto status = static_cast<DeliveryStatus>(i);
    const auto name = to_string(status);
    CHECK(parse_delivery_status(name) == status);
    CHECK(std::find(names.begin(), names.end(), name) == names.end());
    names.push_back(name);
  }
  const std::vector<std::string_view> in_contract{
      "preparing",      "label-created",        "picked-up", "in-transit", "out-for-delivery",
      "attempt-failed", "available-for-pickup", "exception", "delivered",  "returned-to-sender",
      "cancelled",      "receipt-confirmed"};
  CHECK(names == in_contract);
  CHECK_FALSE(parse_delivery_status(""));
  CHECK_FALSE(parse_delivery_status("Delivered"));
  CHECK_FALSE(parse_delivery_status("picked_up"));
}

TEST_CASE("member types and levels have names") {
  CHECK(to_string(MemberType::buyer) == "buyer");
  CHECK(parse_member_type("seller") == MemberType::seller);
  CHECK_FALSE(parse_member_type("SELLER"));
  CHECK(to_string(MembershipLevel::vip) == "VIP");
  CHECK(to_string(MembershipLevel::none).empty());
  CHECK(parse_membership_level("SILVER") == MembershipLevel::silver);
  CHECK(parse_membership_level("GOLD") == MembershipLevel::gold);
  CHECK_FALSE(parse_membership_level(""));
  CHECK_FALSE(parse_membership_level("gold"));
}

}  // namespace jangbu::test
