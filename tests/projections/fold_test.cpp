// What every event makes of the rows, read back through the queries.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <map>
#include <string>

#include "projections/tables/accounts.hpp"
#include "projections/tables/deliveries.hpp"
#include "projections/tables/history.hpp"
#include "projections/tables/products.hpp"
#include "projections/tables/purchases.hpp"
#include "projections/tables/registry.hpp"
#include "projections/writing/rebuild.hpp"
#include "tests/golden/story.hpp"
#include "tests/projections/support.hpp"
#include "tests/support/samples.hpp"

namespace jangbu::test {

namespace {

// A shop whose log is projected commit by commit as it is told, and asked in between.
class ToldShop {
 public:
  ToldShop()
      : conninfo_(shared_postgres().create_database()),
        projector_(log_, {.conninfo = conninfo_}),
        asker_(conninfo_) {}

  // The id of the first of these events.
  EventId tell(const std::vector<Event>& events) {
    position_ = append(log_, events);
    return {position_, 0};
  }

  template <class T>
  T ask(Query<T> query) {
    return answer(asker_, std::move(query), {.min_position = position_, .wait = 10s});
  }

 private:
  MemoryLog log_;
  std::string conninfo_;
  Position position_;
  Projector projector_;
  Asker asker_;
};

AccountRow row_of(const AccountState& state, EventId version) {
  return {.id = state.account,
          .name = state.person.name,
          .email = state.person.email,
          .address = state.person.address,
          .member_type = state.member_type,
          .membership_level = state.membership_level,
          .opened_at = state.opened_at,
          .closed_at = std::nullopt,
          .owner = state.owner,
          .version = version};
}

ProductRow row_of(const ProductState& state, EventId version) {
  return {.id = state.product,
          .name = state.name,
          .unit_price = state.unit_price,
          .stock = state.stock,
          .description = state.description,
          .listed_at = state.listed_at,
          .withdrawn_at = std::nullopt,
          .seller = state.seller,
          .version = version};
}

PurchaseRow row_of(const PurchaseCompleted& fact, EventId version) {
  return {.id = fact.purchase,
          .buyer = fact.buyer,
          .recipient = fact.recipient,
          .lines = fact.lines,
          .total = fact.total,
          .status = PurchaseStatus::completed,
          .purchased_at = fact.purchased_at,
          .cancelled_at = std::nullopt,
          .version = version};
}

DeliveryRow delivery_of(const PurchaseCompleted& fact, EventId version) {
  DeliveryRow row{.id = fact.purchase,
                  .buyer = fact.buyer,
                  .recipient = fact.recipient,
                  .items = {},
                  .status = DeliveryStatus::preparing,
                  .scans = {},
                  .opened_at = fact.purchased_at,
                  .closed_at = std::nullopt,
                  .version = version};
  for (const PurchaseLine& line : fact.lines)
    row.items.push_back({line.product, line.name, line.quantity});
  return row;
}

}  // namespace

TEST_CASE("accounts", "[fold]") {
  ToldShop shop;
  AccountState state = hong;
  auto version = shop.tell({AccountOpened{state}});
  CHECK(shop.ask(account_by_id(hong.account)) == row_of(state, version));
  CHECK(shop.ask(account_by_name("홍길동")) == row_of(state, version));
  CHECK(shop.ask(account_by_name("홍길")) == std::nullopt);
  CHECK(shop.ask(account_by_id(alice.account)) == std::nullopt);

  state.person.address = {"부산광역시 해운대구", "48094"};
  version = shop.tell({AddressChanged{state}});
  CHECK(shop.ask(account_by_id(hong.account)) == row_of(state, version));

  state.person.name = "홍길순";
  state.membership_level = MembershipLevel::vip;
  version = shop.tell({AccountDetailsChanged{state}});
  CHECK(shop.ask(account_by_name("홍길순")) == row_of(state, version));
  CHECK(shop.ask(account_by_name("홍길동")) == std::nullopt);

  SECTION("a closed account stays, and its name is free at once") {
    AccountState heir = alice;
    heir.person.name = state.person.name;
    version = shop.tell({AccountClosed{state, after_minutes(1)}, AccountOpened{heir}});
    AccountRow closed = row_of(state, version);
    closed.closed_at = after_minutes(1);
    CHECK(shop.ask(account_by_id(hong.account)) == closed);
    CHECK(shop.ask(account_by_name("홍길순")) == row_of(heir, {version.position, 1}));
  }
}

TEST_CASE("the accounts of an owner, newest first, closed ones too", "[fold]") {
  ToldShop shop;
  const Principal owner = principal(1, {Role::buyer});
  const auto of = [&](unsigned number, const Principal& principal) {
    AccountState state = owned(hong, principal);
    state.account = id<AccountId>(number);
    state.opened_at = after_minutes(number);
    return state;
  };
  CHECK(shop.ask(accounts_of(owner.id)).empty());
  shop.tell({AccountOpened{of(1, owner)}, AccountOpened{of(2, principal(2, {Role::buyer}))},
             AccountOpened{alice}});
  shop.tell({AccountClosed{of(1, owner), after_minutes(2)}});
  const EventId opened = shop.tell({AccountOpened{of(3, owner)}});
  CHECK(shop.ask(accounts_of(owner.id)) == std::vector{id<AccountId>(3), id<AccountId>(1)});
  CHECK(shop.ask(account_by_id(id<AccountId>(3))) == row_of(of(3, owner), opened));
  CHECK(shop.ask(accounts_of(id<PrincipalId>(3))).empty());
}

TEST_CASE("a product has its seller", "[fold]") {
  ToldShop shop;
  const ProductState own = sold(keyboard, principal(1, {Role::seller}));
  const EventId listed = shop.tell({ProductListed{own}});
  CHECK(shop.ask(product_by_id(keyboard.product)) == row_of(own, listed));
}

TEST_CASE("products and their stock", "[fold]") {
  ToldShop shop;
  ProductState state = keyboard;
  auto version = shop.tell({AccountOpened{hong}, ProductListed{state}, ProductListed{tea}});
  version.index = 1;
  CHECK(shop.ask(product_by_id(keyboard.product)) == row_of(state, version));
  CHECK(shop.ask(product_by_name(keyboard.name)) == row_of(state, version));

  SECTION("purchases move the stock but not the version") {
    const auto purchase = bought(first_purchase, hong, {line(keyboard, 3), line(tea, 1)});
    shop.tell({purchase});
    state.stock -= 3;
    CHECK(shop.ask(product_by_id(keyboard.product)) == row_of(state, version));
    CHECK(shop.ask(product_by_id(tea.product))->stock == tea.stock - 1);
    shop.tell({cancelled(purchase, "")});
    CHECK(shop.ask(product_by_id(keyboard.product))->stock == keyboard.stock);
  }
  SECTION("own events set what purchases in the same batch move") {
    const auto before = bought(first_purchase, hong, {line(keyboard, 2)});
    const auto after = bought(second_purchase, hong, {line(keyboard, 5)});
    state.stock = 98 + 50;
    version = shop.tell({before, StockChanged{state, 50, "received"}, after});
    version.index = 1;
    state.stock -= 5;
    CHECK(shop.ask(product_by_id(keyboard.product)) == row_of(state, version));
  }
  SECTION("a price changes") {
    state.unit_price = dollars(4'500);
    version = shop.tell({PriceChanged{state}});
    CHECK(shop.ask(product_by_id(keyboard.product)) == row_of(state, version));
  }
  SECTION("a withdrawn product stays, and its name is free") {
    version = shop.tell({ProductWithdrawn{state, after_minutes(2)}});
    ProductRow withdrawn = row_of(state, version);
    withdrawn.withdrawn_at = after_minutes(2);
    CHECK(shop.ask(product_by_id(keyboard.product)) == withdrawn);
    CHECK(shop.ask(product_by_name(keyboard.name)) == std::nullopt);
  }
}

TEST_CASE("purchases and their deliveries", "[fold]") {
  ToldShop shop;
  const auto purchase = bought(first_purchase, hong, {line(keyboard, 2), line(tea, 1)});
  const bool in_one_batch = GENERATE(false, true);
  INFO("in one batch: " << in_one_batch);

  // What follows the purchase, with it or after it; the id of the last event.
  const auto then = [&](std::vector<Event> events) -> EventId {
    std::vector<Event> all{AccountOpened{hong}, ProductListed{keyboard}, ProductListed{tea},
                           purchase};
    if (!in_one_batch) shop.tell(std::exchange(all, {}));
    if (events.empty() && all.empty()) return {Position{1}, 3};
    all.insert(all.end(), events.begin(), events.end());
    EventId last = shop.tell(all);
    last.index = static_cast<std::uint32_t>(all.size() - 1);
    return last;
  };
  const auto the_purchase = [&] { return shop.ask(purchase_by_id(first_purchase)); };
  const auto the_delivery = [&] { return shop.ask(delivery_by_id(first_purchase)); };
  const EventId first{Position{1}, 3};
  PurchaseRow row = row_of(purchase, first);
  DeliveryRow delivery = delivery_of(purchase, first);

  SECTION("a delivery begins with its purchase") {
    then({});
    CHECK(the_purchase() == row);
    CHECK(the_delivery() == delivery);
  }
  SECTION("scans move the delivery and leave the purchase") {
    Scan picked_up = scan(DeliveryStatus::picked_up, after_minutes(10));
    Scan late = scan(DeliveryStatus::label_created, after_minutes(5));
    late.location = "옥천HUB";
    late.tracking_number = "6012-3456-7891";
    const EventId last =
        then({scanned(purchase, picked_up), scanned(purchase, late, DeliveryStatus::picked_up)});
    delivery.status = DeliveryStatus::picked_up;
    delivery.scans = {picked_up, late};
    delivery.version = last;
    CHECK(the_delivery() == delivery);
    CHECK(the_purchase() == row);
    // Lists show the last one to come, and how many there were.
    const auto listed = [&] { return shop.ask(list_deliveries({}, {})).items.at(0); };
    CHECK(listed().scan_count == 2);
    CHECK(listed().last_scan == late);
    CHECK(listed().version == last);
    const Scan on_its_way = scan(DeliveryStatus::in_transit, after_minutes(20));
    shop.tell({scanned(purchase, on_its_way)});
    CHECK(listed().scan_count == 3);
    CHECK(listed().last_scan == on_its_way);
  }
  SECTION("the receipt closes both") {
    const Scan arrived = scan(DeliveryStatus::delivered);
    const EventId last = then({scanned(purchase, arrived),
                               ReceiptConfirmed{first_purchase, hong.account, after_minutes(60)}});
    delivery.status = DeliveryStatus::receipt_confirmed;
    delivery.scans = {arrived};
    delivery.closed_at = after_minutes(60);
    delivery.version = last;
    row.status = PurchaseStatus::received;
    row.version = last;
    CHECK(the_delivery() == delivery);
    CHECK(the_purchase() == row);
  }
  SECTION("a cancellation closes both") {
    const EventId last = then({cancelled(purchase, "changed my mind", after_minutes(3))});
    delivery.status = DeliveryStatus::cancelled;
    delivery.closed_at = after_minutes(3);
    delivery.version = last;
    row.status = PurchaseStatus::cancelled;
    row.cancelled_at = after_minutes(3);
    row.version = last;
    CHECK(the_delivery() == delivery);
    CHECK(the_purchase() == row);
  }
  SECTION("a parcel that went back closes both") {
    const Scan back = scan(DeliveryStatus::returned_to_sender, after_minutes(90));
    const EventId last = then({scanned(purchase, back)});
    delivery.status = DeliveryStatus::returned_to_sender;
    delivery.scans = {back};
    delivery.closed_at = opening;  // when it was recorded, not when the carrier says it was
    delivery.version = last;
    row.status = PurchaseStatus::returned;
    row.version = last;
    CHECK(the_delivery() == delivery);
    CHECK(the_purchase() == row);
  }
}

TEST_CASE("a delivery's carrier is that of its first scan", "[fold]") {
  ToldShop shop;
  const auto purchase = bought(first_purchase, hong, {line(keyboard, 1)});
  const auto of = [&](const char* carrier, std::int64_t minutes) {
    Scan report = scan(DeliveryStatus::in_transit, after_minutes(minutes));
    report.carrier = carrier;
    return scanned(purchase, report);
  };
  const auto listed = [&](const char* carrier) {
    return shop.ask(list_deliveries({.carrier = carrier}, {})).items.size();
  };
  shop.tell({AccountOpened{hong}, ProductListed{keyboard}, purchase});
  CHECK(shop.ask(delivery_by_id(first_purchase))->carrier().empty());
  CHECK(listed("CJ대한통운") == 0);
  SECTION("whether it comes with others or alone") {
    shop.tell({of("CJ대한통운", 1), of("우체국택배", 2)});
  }
  SECTION("and others come later") {
    shop.tell({of("CJ대한통운", 1)});
    shop.tell({of("우체국택배", 2)});
  }
  CHECK(shop.ask(delivery_by_id(first_purchase))->carrier() == "CJ대한통운");
  CHECK(listed("CJ대한통운") == 1);
  CHECK(listed("우체국택배") == 0);
  shop.tell({cancelled(purchase, "")});
  CHECK(listed("CJ대한통운") == 0);
  const DeliveryFilter with_closed{.include_closed = true, .carrier = "CJ대한통운"};
  CHECK(shop.ask(list_deliveries(with_closed, {})).items.size() == 1);
}

TEST_CASE("history has every event of an entity, oldest first", "[fold]") {
  ToldShop shop;
  const auto purchase = bought(first_purchase, hong, {line(keyboard, 2)});
  const Scan arrived = scan(DeliveryStatus::delivered);
  const std::vector<Event> first{AccountOpened{hong}, ProductListed{keyboard}, purchase};
  const std::vector<Event> second{scanned(purchase, arrived), AddressChanged{hong},
                                  ReceiptConfirmed{first_purchase, hong.account, opening}};
  shop.tell(first);
  shop.tell(second);
  const auto recorded = [](const Event& event) {
    return RecordedEvent{Envelope{.occurred_at = opening}, event};
  };

  const Entity entity{EntityKind::purchase, id_cast<EntityId>(first_purchase)};
  auto page = shop.ask(history_of(entity, {.limit = 2}));
  CHECK(page.items == std::vector<HistoryRow>{{{Position{1}, 2}, recorded(first[2])},
                                              {{Position{2}, 0}, recorded(second[0])}});
  CHECK(page.more);
  page = shop.ask(history_of(entity, {.limit = 2, .after = page.items.back().id}));
  CHECK(page.items == std::vector<HistoryRow>{{{Position{2}, 2}, recorded(second[2])}});
  CHECK_FALSE(page.more);

  CHECK(shop.ask(history_of({EntityKind::account, id_cast<EntityId>(hong.account)}, {}))
            .items.size() == 2);
  CHECK(shop.ask(history_of({EntityKind::product, id_cast<EntityId>(keyboard.product)}, {}))
            .items.size() == 1);
  // An id of another kind of thing has no history as this one.
  CHECK(shop.ask(history_of({EntityKind::account, entity.id}, {})).items.empty());

  // Up to a position, or up to an event in the middle of a commit.
  const auto until = [&](EventId last) { return shop.ask(history_of(entity, {}, last)).items; };
  CHECK(until(last_event_at(Position{0})).empty());
  CHECK(until({Position{1}, 1}).empty());
  CHECK(until({Position{1}, 2}).size() == 1);
  CHECK(until(last_event_at(Position{1})).size() == 1);
  CHECK(until({Position{2}, 1}).size() == 2);
  CHECK(until(last_event_at(Position{2})).size() == 3);
  const auto last = [&](const Entity& of, EventId up_to) {
    const auto row = shop.ask(last_event_of(of, up_to));
    return row ? row->id : EventId{};
  };
  CHECK(last(entity, {Position{1}, 1}) == EventId{});
  CHECK(last(entity, last_event_at(Position{1})) == EventId{Position{1}, 2});
  CHECK(last(entity, {Position{2}, 1}) == EventId{Position{2}, 0});
  CHECK(last(entity, last_of_all) == EventId{Position{2}, 2});
  CHECK(last({EntityKind::account, entity.id}, last_of_all) == EventId{});
}

// When this fails because a fold makes other rows of the events that there were, raise the read
// model's fold_version and write its line anew; when the story has a new event, only the latter.
TEST_CASE("what is folded into rows is that of each fold_version", "[fold]") {
  const std::map<std::string, std::string> digests{
      {"accounts 2", "6fdc30b0b4a9822d1b206cf8f18907e9"},
      {"products 2", "7fcb069083cc8af356212db434964cb0"},
      {"purchases 2", "72ce08a14a743c05745d98a96c9ed5f7"},
      {"deliveries 4", "af3ebe7b28664339517aafea1ec3f9ee"},
      {"history 4", "4edffdc89593859caf353225504e2e7a"},
  };
  // As they are first written, and as they are changed later.
  const std::size_t load_events = GENERATE(1u, 1'000u);
  MemoryLog log;
  for (const Commit& commit : golden_story()) append(log, commit);
  const std::string conninfo = shared_postgres().create_database();
  Rebuild(log, {.conninfo = conninfo, .load = {.events = load_events}}).prepare(read_models());
  pg::Connection connection({.conninfo = conninfo, .settings = "-c timezone=UTC"});
  for (const ReadModel* model : read_models()) {
    const std::string name(model->name);
    const auto rows = connection.run(
        "SELECT rows, md5(rows) FROM (SELECT string_agg(t::text, chr(10) ORDER BY t::text "
        "COLLATE \"C\") AS rows FROM " +
        name + "_1." + name + " t) AS all_rows");
    INFO(name << ":\n" << PQgetvalue(rows.get(), 0, 0));
    const auto known = digests.find(name + ' ' + std::to_string(model->fold_version));
    REQUIRE(known != digests.end());
    CHECK(PQgetvalue(rows.get(), 0, 1) == known->second);
  }
}

TEST_CASE("people see in the views what the tables hold in short", "[fold]") {
  MemoryLog log;
  const auto story = golden_story();
  for (const Commit& commit : story) append(log, commit);
  const std::string conninfo = shared_postgres().create_database();
  project(log, conninfo);
  pg::Connection connection({.conninfo = conninfo});
  const auto text = [&](const std::string& sql) {
    const auto result = connection.run(sql);
    return std::string(PQgetvalue(result.get(), 0, 0));
  };

  std::string events;
  Position position;
  for (const Commit& commit : story) {
    position = position.next();
    std::uint32_t index = 0;
    for (const auto& [envelope, event] : commit.events) {
      const EventId id{position, index++};
      if (std::holds_alternative<NothingChanged>(event)) continue;
      const WireType wire = wire_type(event);
      const Entity entity = entity_of(event);
      events += to_string(id) + ' ' + std::string(to_string(entity.kind)) + ' ' +
                to_string(entity.id) + ' ' + std::string(wire.name) + ' ' +
                std::to_string(wire.version) + ' ' + std::to_string(envelope.occurred_at.ms) + '\n';
    }
  }
  CHECK(text("SELECT string_agg(position || '.' || index || ' ' || entity_kind || ' ' || "
             "entity_id || ' ' || type || ' ' || type_version || ' ' || "
             "(extract(epoch FROM occurred_at) * 1000)::bigint || chr(10), '' "
             "ORDER BY position, index) FROM jangbu.history") == events);

  CHECK(text("SELECT string_agg(DISTINCT status, ' ' ORDER BY status) FROM jangbu.purchases") ==
        "cancelled completed received");
  CHECK(text("SELECT lines->0 FROM jangbu.purchases ORDER BY id LIMIT 1") ==
        R"({"productId" : "00000000-0000-0000-0000-0000000000b1", "name" : "기계식 키보드", )"
        R"("unitPrice" : 29900, "currency" : "KRW", "quantity" : 2, "total" : 59800})");
  CHECK(text("SELECT items->1 FROM jangbu.deliveries ORDER BY id LIMIT 1") ==
        R"({"productId" : "00000000-0000-0000-0000-0000000000b2", "name" : "보성 녹차", )"
        R"("quantity" : 1})");
  CHECK(text("SELECT count(*) > 2 AND bool_and(jsonb_array_length(scans) = scan_count AND "
             "carrier = coalesce(scans->0->>'carrier', '') AND "
             "tracking_number = coalesce(scans->-1->>'trackingNumber', '') AND "
             "(scan_count = 0 OR scans->-1 ?& '{status,location,code,occurredAt}')) "
             "FROM jangbu.deliveries") == "t");
}

}  // namespace jangbu::test
