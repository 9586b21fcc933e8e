// The bytes of commits: as cereal writes them, read back whole, or refused loudly.
#include "events/commit.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cereal/archives/portable_binary.hpp>
#include <cstring>
#include <functional>
#include <limits>
#include <sstream>

#include "events/archive.hpp"
#include "events/decoders.hpp"
#include "tests/support/describe.hpp"
#include "tests/support/property.hpp"
#include "tests/support/random_events.hpp"
#include "tests/support/samples.hpp"

namespace jangbu::test {

namespace {

using Catch::Matchers::ContainsSubstring;

constexpr Position here{42};

StoredCommit stored(std::string_view payload) {
  return {here, id<CommitId>(1), commit_format, payload, {}};
}

// A commit with one event, whose every field is filled.
Commit commit_of(Event event) {
  return {after_minutes(2),
          {{{after_minutes(1), key(7), "00-correlation-01", "41.0", "tester"}, std::move(event)}}};
}

const PurchaseCompleted purchase =
    bought(first_purchase, hong, {line(keyboard, 1), line(tea, 2)}, first_quote);

// Events of every type, with fields that are filled.
std::vector<Event> one_of_each() {
  const Principal somebody = principal(1, {Role::buyer, Role::seller});
  const AccountState account = owned(hong, somebody);
  const ProductState product = sold(keyboard, somebody);
  return {AccountOpened{account},
          AddressChanged{account},
          AccountDetailsChanged{account},
          AccountClosed{account, after_minutes(1)},
          ProductListed{product},
          PriceChanged{product},
          StockChanged{product, -3, "실사"},
          ProductWithdrawn{product, after_minutes(1)},
          purchase,
          cancelled(purchase, "변심", after_minutes(1)),
          scanned(purchase, scan(DeliveryStatus::in_transit)),
          ReceiptConfirmed{first_purchase, hong.account, after_minutes(1)},
          NothingChanged{{EntityKind::product, id_cast<EntityId>(keyboard.product)}, {{7}, 1}, 97}};
}

// What decoding says is wrong. Nothing when it is decoded; any other exception fails the test.
std::optional<Undecodable> refusal_of(const StoredCommit& commit) {
  try {
    decode(commit);
    return std::nullopt;
  } catch (const Undecodable& undecodable) {
    return undecodable;
  }
}

Undecodable expect_refusal(std::string_view payload) {
  const auto refused = refusal_of(stored(payload));
  REQUIRE(refused);
  CHECK(refused->position() == here);
  CHECK_THAT(refused->what(), ContainsSubstring("42."));
  return *refused;
}

// Where the parts of a payload lie, in a commit whose first event is of type `ReceiptConfirmed`.
namespace at {
constexpr std::size_t byte_order = 0;
constexpr std::size_t count = 9;
constexpr std::size_t name_size = 17;
constexpr std::size_t name = 25;
constexpr std::size_t version = name + std::string_view("ReceiptConfirmed").size();
constexpr std::size_t kind = version + 2;
constexpr std::size_t entity = kind + 1;
constexpr std::size_t no_key = entity + 16 + 8;
}  // namespace at

template <class Number>
void put(std::string& payload, std::size_t at, Number number) {
  REQUIRE(at + sizeof number <= payload.size());
  std::memcpy(payload.data() + at, &number, sizeof number);
}

std::string receipt_payload() {
  return encode_commit(commit_of(ReceiptConfirmed{first_purchase, hong.account, after_minutes(1)}));
}

}  // namespace

// --- Round trips ---------------------------------------------------------------------------------

TEST_CASE("any commit is decoded as it was encoded") {
  property("decode(encode_commit(commit)) == commit", [] {
    const Commit commit = *rc::gen::exec(any_commit);
    RC_ASSERT(decode(stored(encode_commit(commit))) == commit);
  });
}

TEST_CASE("a commit is decoded as well where another one was") {
  property("nothing of the other one is left", [] {
    const auto any = [] { return *rc::gen::exec(any_commit); };
    Commit commit = any();
    for (int i = 0; i < 3; ++i) {
      const Commit next = any();
      decode(stored(encode_commit(next)), commit);
      RC_ASSERT(commit == next);
    }
    StoredCommit without_effect = stored(encode_commit(any()));
    without_effect.origin.decided_at = without_effect.position;
    REQUIRE(without_effect.is_void());
    decode(without_effect, commit);
    RC_ASSERT(commit == Commit{});
  });
}

TEST_CASE("any event of every type is decoded as it was encoded") {
  const auto type = GENERATE(range(std::size_t{0}, std::variant_size_v<Event>));
  property("type " + std::to_string(type), [type] {
    const Event event = *rc::gen::exec([type] { return any_event_of(type); });
    const Commit commit{{1}, {{any_envelope(), event}}};
    RC_ASSERT(decode(stored(encode_commit(commit))) == commit);
  });
}

TEST_CASE("there is a sample of every type") {
  const auto samples = one_of_each();
  REQUIRE(samples.size() == std::variant_size_v<Event>);
  for (std::size_t i = 0; i < samples.size(); ++i) CHECK(samples[i].index() == i);
}

TEST_CASE("a commit is the events' own bytes behind its head") {
  const Commit commit{{5}, {{{}, AccountOpened{hong}}, {{}, ProductListed{tea}}}};
  const std::string head = encode_commit(Commit{{5}, {}});
  const std::string payload = encode_commit(commit);
  CHECK(payload == encode_commit({5}, {encode(commit.events[0]), encode(commit.events[1])}));
  CHECK(payload.substr(head.size()) == encode(commit.events[0]) + encode(commit.events[1]));
}

// --- cereal's own archives -----------------------------------------------------------------------

TEST_CASE("the bytes are those of cereal's portable binary archive") {
  property("both write the same", [] {
    const Commit commit = *rc::gen::exec(any_commit);
    std::ostringstream stream;
    {
      cereal::PortableBinaryOutputArchive archive(
          stream, cereal::PortableBinaryOutputArchive::Options::LittleEndian());
      save_commit(archive, commit);
    }
    RC_ASSERT(stream.str() == encode_commit(commit));
  });
}

TEST_CASE("cereal's portable binary archive reads the bytes") {
  property("event by event", [] {
    const Commit commit = *rc::gen::exec(any_commit);
    std::istringstream stream(encode_commit(commit));
    cereal::PortableBinaryInputArchive archive(stream);
    Commit read;
    std::uint64_t count = 0;
    archive(read.committed_at, count);
    for (const RecordedEvent& expected : commit.events) {
      std::string name;
      std::uint16_t version = 0;
      std::uint8_t kind = 0;
      EntityId entity;
      std::uint32_t size = 0;
      RecordedEvent recorded;
      archive(name, version, kind, entity, recorded.envelope, size);
      RC_ASSERT((wire_type(expected.event) == WireType{name, version}));
      RC_ASSERT((entity_of(expected.event) == Entity{static_cast<EntityKind>(kind), entity}));
      std::visit(
          [&](auto fact) {
            fact = {};
            archive(fact);
            recorded.event = fact;
          },
          expected.event);
      read.events.push_back(recorded);
    }
    RC_ASSERT(read == commit);
    RC_ASSERT(stream.peek() == std::istringstream::traits_type::eof());
  });
}

// --- Bytes that cannot be read -------------------------------------------------------------------

TEST_CASE("events are listed with what stands in front of them, known or not") {
  property("for any commit", [] {
    const Commit commit = any_commit();
    const std::string payload = encode_commit(commit);
    const auto listed = list_events(stored(payload));
    RC_ASSERT(listed.size() == commit.events.size());
    for (std::size_t i = 0; i < listed.size(); ++i) {
      const RecordedEvent& event = commit.events[i];
      RC_ASSERT((WireType{listed[i].type, listed[i].version} == wire_type(event.event)));
      RC_ASSERT((Entity{listed[i].kind, listed[i].entity} == entity_of(event.event)));
      RC_ASSERT(listed[i].envelope == event.envelope);
      RC_ASSERT(listed[i].bytes == encode(event));
    }
  });
  std::string payload = encode_commit(commit_of(AccountOpened{hong}));
  payload.replace(payload.find("AccountOpened"), 7, "Balloon");
  CHECK_THROWS_AS(decode(stored(payload)), Undecodable);
  CHECK(list_events(stored(payload)).front().type == "BalloonOpened");
  payload.pop_back();
  CHECK_THROWS_AS(list_events(stored(payload)), Undecodable);
}

TEST_CASE("a commit that ends anywhere too early is refused") {
  for (const Event& event : one_of_each()) {
    const std::string whole = encode_commit(commit_of(event));
    for (std::size_t size = 0; size < whole.size(); ++size) {
      // A copy of its own, so that a read past its end is seen by the address sanitizer.
      const std::string part = whole.substr(0, size);
      CAPTURE(wire_type(event).name, size);
      expect_refusal(part);
    }
  }
}

TEST_CASE("a commit with any one bit turned is refused, or is another commit's bytes") {
  for (const Event& event : one_of_each()) {
    const std::string whole = encode_commit(commit_of(event));
    for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
      std::string flipped = whole;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
      const StoredCommit commit = stored(flipped);
      if (refusal_of(commit)) continue;
      CAPTURE(wire_type(event).name, bit);
      // There is one way to write a commit: what can be read is written so again.
      CHECK(encode_commit(decode(commit)) == flipped);
    }
  }
}

TEST_CASE("any bytes at all are refused, or are a commit's") {
  property("decode() throws nothing but Undecodable", [] {
    const auto noise = *rc::gen::arbitrary<std::string>();
    const auto cut = *rc::gen::inRange<std::size_t>(0, 60);
    const std::string payload = receipt_payload().substr(0, cut) + noise;
    if (!refusal_of(stored(payload))) RC_ASSERT(encode_commit(decode(stored(payload))) == payload);
  });
}

TEST_CASE("sizes beyond the bytes are refused before anything is allocated") {
  constexpr auto huge = std::numeric_limits<std::uint64_t>::max();
  std::string payload = receipt_payload();
  SECTION("of the commit") {
    put(payload, at::count, huge);
    expect_refusal(payload);
  }
  SECTION("of the commit, by one") {
    put(payload, at::count, std::uint64_t{2});
    CHECK(expect_refusal(payload).index() == 1);
  }
  SECTION("of a text") {
    put(payload, at::name_size, huge);
    expect_refusal(payload);
    put(payload, at::name_size, huge >> 1);
    expect_refusal(payload);
    put(payload, at::name_size, std::uint64_t{payload.size() - at::name + 1});
    expect_refusal(payload);
  }
  SECTION("of an event") {
    const std::size_t size_of_event = payload.size() - (16 + 16 + 8) - sizeof(std::uint32_t);
    std::uint32_t size = 0;
    std::memcpy(&size, payload.data() + size_of_event, sizeof size);
    REQUIRE(size == 16 + 16 + 8);
    for (const auto wrong :
         {std::uint32_t{0}, size - 1, size + 1, std::numeric_limits<std::uint32_t>::max()}) {
      put(payload, size_of_event, wrong);
      CHECK(expect_refusal(payload).type() == "ReceiptConfirmed");
    }
  }
  SECTION("of a list of lines") {
    payload = encode_commit(commit_of(purchase));
    const auto lines =
        payload.find(std::string("\x02\0\0\0\0\0\0\0", 8) +
                     std::string(reinterpret_cast<const char*>(keyboard.product.bytes.data()), 16));
    REQUIRE(lines != payload.npos);
    put(payload, lines, huge);
    CHECK(expect_refusal(payload).type() == "PurchaseCompleted");
  }
}

TEST_CASE("bytes after the last event are refused") {
  CHECK_THAT(expect_refusal(receipt_payload() + '\0').what(), ContainsSubstring("follow the last"));
  std::string fewer = receipt_payload();
  put(fewer, at::count, std::uint64_t{0});
  expect_refusal(fewer);
}

TEST_CASE("a refusal names type, version and place") {
  const Commit two{{1},
                   {{{}, AccountOpened{hong}}, {{}, ReceiptConfirmed{first_purchase, {}, {}}}}};
  SECTION("of an unknown type") {
    std::string payload = encode_commit(two);
    const auto name = payload.find("ReceiptConfirmed");
    REQUIRE(name != payload.npos);
    payload[name] = 'X';
    const Undecodable refused = expect_refusal(payload);
    CHECK(refused.type() == "XeceiptConfirmed");
    CHECK(refused.version() == 1);
    CHECK(refused.index() == 1);
    CHECK_THAT(refused.what(), ContainsSubstring("42.1") && ContainsSubstring("XeceiptConfirmed") &&
                                   ContainsSubstring("version 1"));
  }
  SECTION("of an unknown version") {
    std::string payload = receipt_payload();
    put(payload, at::version, std::uint16_t{300});
    const Undecodable refused = expect_refusal(payload);
    CHECK(refused.type() == "ReceiptConfirmed");
    CHECK(refused.version() == 300);
    CHECK(refused.index() == 0);
    CHECK_THAT(refused.what(), ContainsSubstring("42.0") && ContainsSubstring("version 300"));
  }
  SECTION("and not those of the event before") {
    std::string payload = encode_commit(two);
    payload.resize(payload.find("ReceiptConfirmed") - 4);
    const Undecodable refused = expect_refusal(payload);
    CHECK(refused.type().empty());
    CHECK(refused.index() == 1);
  }
}

TEST_CASE("an event about another entity than its envelope says is refused") {
  std::string payload = receipt_payload();
  SECTION("another one") {
    payload[at::entity] = '\x01';
  }
  SECTION("of another kind") {
    put(payload, at::kind, std::uint8_t{0});
  }
  SECTION("of an unknown kind") {
    put(payload, at::kind, std::uint8_t{3});
  }
  CHECK_THAT(expect_refusal(payload).what(), ContainsSubstring("another entity"));
}

TEST_CASE("a truth value other than 0 and 1 is refused") {
  std::string payload = receipt_payload();
  REQUIRE(payload[at::no_key] == 0);
  put(payload, at::no_key, std::uint8_t{2});
  expect_refusal(payload);
}

TEST_CASE("values that this build does not know are refused") {
  AccountState account = hong;
  DeliveryScanned of_scan = scanned(purchase, scan(DeliveryStatus::in_transit));
  Event event;
  SECTION("a member type") {
    account.member_type = static_cast<MemberType>(2);
    event = AccountOpened{account};
  }
  SECTION("a membership level, in whatever event of accounts") {
    account.membership_level = static_cast<MembershipLevel>(4);
    event = GENERATE_COPY(as<Event>(), AccountOpened{account}, AddressChanged{account},
                          AccountDetailsChanged{account}, AccountClosed{account, {}});
  }
  SECTION("a time beyond the years that can be written") {
    account.opened_at.ms = GENERATE(Timestamp::earliest_ms - 1, Timestamp::latest_ms + 1,
                                    std::numeric_limits<std::int64_t>::max());
    CHECK_THAT(expect_refusal(encode_commit(commit_of(AccountOpened{account}))).what(),
               ContainsSubstring("years 1 to 9999"));
    return;
  }
  SECTION("a scan's status") {
    of_scan.scan.status = static_cast<DeliveryStatus>(12);
    event = of_scan;
  }
  SECTION("a delivery's status") {
    of_scan.status = static_cast<DeliveryStatus>(255);
    event = of_scan;
  }
  const Undecodable refused = expect_refusal(encode_commit(commit_of(event)));
  CHECK(refused.type() == wire_type(event).name);
  CHECK_THAT(refused.what(), ContainsSubstring("does not know"));
}

TEST_CASE("a commit of another format is refused") {
  const std::string payload = receipt_payload();
  StoredCommit commit = stored(payload);
  commit.format = GENERATE(0u, 2u, 1000u);
  const auto refused = refusal_of(commit);
  REQUIRE(refused);
  CHECK_THAT(refused->what(), ContainsSubstring("format " + std::to_string(commit.format)));
}

TEST_CASE("a commit of another byte order is refused") {
  std::string payload = receipt_payload();
  payload[at::byte_order] = 0;
  expect_refusal(payload);
  payload[at::byte_order] = 2;
  expect_refusal(payload);
}

// --- Retired versions ----------------------------------------------------------------------------

namespace {

// A history that ReceiptConfirmed might have had: it was called otherwise, and did not always tell
// the buyer and the time.
struct ParcelSigned2 {
  static constexpr WireType wire{"ParcelSigned", 2};
  PurchaseId purchase;
  std::int64_t signed_at_seconds = 0;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(purchase, signed_at_seconds);
  }
  ReceiptConfirmed upcast() && {
    return {.purchase = purchase, .buyer = {}, .confirmed_at = {signed_at_seconds * 1000}};
  }
};

struct ParcelSigned1 {
  static constexpr WireType wire{"ParcelSigned", 1};
  PurchaseId purchase;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(purchase);
  }
  ParcelSigned2 upcast() && { return {purchase, 0}; }
};

constexpr std::array with_retired{decoder_of<ParcelSigned1>(), decoder_of<ParcelSigned2>(),
                                  decoder_of<AccountOpened>(), decoder_of<ReceiptConfirmed>()};

// A commit of one event as an older build wrote it.
template <class Version>
std::string written_as(Version version, const Envelope& envelope) {
  CommitOutput fact;
  fact(version);
  const std::string bytes = fact.take();
  CommitOutput output;
  output(std::uint8_t{1}, opening, std::uint64_t{1}, std::string(Version::wire.name),
         Version::wire.version, static_cast<std::uint8_t>(EntityKind::purchase),
         id_cast<EntityId>(version.purchase), envelope, static_cast<std::uint32_t>(bytes.size()));
  output.write(bytes.data(), bytes.size());
  return output.take();
}

}  // namespace

TEST_CASE("a retired version is read as today's event") {
  const Envelope envelope{after_minutes(1), key(7), "c", "1.0", "a"};
  SECTION("by one step") {
    const std::string payload = written_as(ParcelSigned2{first_purchase, 1'700'000'000}, envelope);
    const Commit expected{opening,
                          {{envelope, ReceiptConfirmed{first_purchase, {}, {1'700'000'000'000}}}}};
    CHECK(decode(stored(payload), with_retired) == expected);
  }
  SECTION("by several, one version at a time") {
    const std::string payload = written_as(ParcelSigned1{first_purchase}, envelope);
    const Commit expected{opening, {{envelope, ReceiptConfirmed{first_purchase, {}, {0}}}}};
    CHECK(decode(stored(payload), with_retired) == expected);
  }
  SECTION("and its own bytes are what counts, not today's") {
    std::string payload = written_as(ParcelSigned1{first_purchase}, envelope);
    payload.pop_back();
    CHECK_THROWS_AS(decode(stored(payload), with_retired), Undecodable);
    payload += "xx";
    CHECK_THROWS_AS(decode(stored(payload), with_retired), Undecodable);
  }
  SECTION("unless the build does not have it") {
    const std::string payload = written_as(ParcelSigned1{first_purchase}, envelope);
    CHECK_THAT(expect_refusal(payload).what(),
               ContainsSubstring("ParcelSigned") && ContainsSubstring("version 1"));
  }
}

TEST_CASE("every version has one decoder, and every event's newest is among them") {
  const auto all = decoders();
  for (std::size_t i = 0; i < all.size(); ++i)
    for (std::size_t j = i + 1; j < all.size(); ++j) CHECK_FALSE(all[i].wire == all[j].wire);
  for (const Event& event : one_of_each())
    CHECK(std::any_of(all.begin(), all.end(),
                      [&](const Decoder& decoder) { return decoder.wire == wire_type(event); }));
}

}  // namespace jangbu::test
