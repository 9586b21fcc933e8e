#include "tests/golden/samples.hpp"

namespace jangbu::test {

namespace {

template <class SomeId>
SomeId parsed(const char* uuid) {
  return parse_id<SomeId>(uuid).value();
}

Timestamp at(const char* time) {
  return parse_timestamp(time).value();
}

const AccountId account_id = parsed<AccountId>("0195501c-3a00-7000-8000-00000000a001");
const ProductId product_id = parsed<ProductId>("0195501c-3a00-7000-8000-00000000b001");
const ProductId other_product_id = parsed<ProductId>("0195501c-3a00-7000-8000-00000000b002");
const PurchaseId purchase_id = parsed<PurchaseId>("0195501c-3a00-7000-8000-00000000c001");
const PrincipalId owner_id = parsed<PrincipalId>("2cf24dba-5fb0-a30e-26e8-3b2ac5b9e29e");
const PrincipalId seller_id = parsed<PrincipalId>("fcde2b2e-dba5-6bf4-0860-1fb721fe9b5c");
const QuoteId quote_id = parsed<QuoteId>("0195501c-3a00-7000-8000-00000000d001");

const AccountState ownerless_account{
    .account = account_id,
    .person = {"홍길동", "hong@example.com", {"서울특별시 종로구 세종대로 209", "03171"}},
    .member_type = MemberType::seller,
    .membership_level = MembershipLevel::vip,
    .opened_at = at("2026-03-01T09:30:00.123Z")};

const AccountState account = [] {
  AccountState owned = ownerless_account;
  owned.owner = owner_id;
  return owned;
}();

const ProductState sellerless_product{.product = product_id,
                                      .name = "기계식 키보드",
                                      .unit_price = {39'900, {{'K', 'R', 'W'}}},
                                      .stock = 1'000,
                                      .description = "청축, 한글 각인",
                                      .listed_at = at("2026-03-01T09:31:00Z")};

const ProductState product = [] {
  ProductState sold = sellerless_product;
  sold.seller = seller_id;
  return sold;
}();

const Recipient recipient{"홍길동", {"서울특별시 종로구 세종대로 209", "03171"}};

const std::vector<PurchaseLine> lines{
    {product_id, "기계식 키보드", {39'900, {{'K', 'R', 'W'}}}, 2, {79'800, {{'K', 'R', 'W'}}}},
    {other_product_id, "보성 녹차", {12'000, {{'K', 'R', 'W'}}}, 3, {36'000, {{'K', 'R', 'W'}}}}};

const Money total{115'800, {{'K', 'R', 'W'}}};

GoldenSample sample(const std::string& name, Event event, bool current) {
  const Envelope envelope{
      .occurred_at = at("2026-03-02T10:00:00.001Z"),
      .command_key = CommandKey{parsed<KeyHash>("9f86d081-884c-7d65-9a2f-eaa0c55ad015"),
                                parsed<RequestHash>("60303ae2-2b99-8861-bce3-b28f33eec1be")},
      .correlation = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      .causation = "41.2",
      .actor = "점원 1"};
  return {name, {at("2026-03-02T10:00:00.250Z"), {{envelope, std::move(event)}}}, current};
}

}  // namespace

std::vector<GoldenSample> golden_samples() {
  return {
      sample("AccountOpened.v1", AccountOpened{ownerless_account}, false),
      sample("AddressChanged.v1", AddressChanged{ownerless_account}, false),
      sample("AccountDetailsChanged.v1", AccountDetailsChanged{ownerless_account}, false),
      sample("AccountClosed.v1", AccountClosed{ownerless_account, at("2026-03-02T10:00:00Z")},
             false),
      sample("ProductListed.v1", ProductListed{sellerless_product}, false),
      sample("PriceChanged.v1", PriceChanged{sellerless_product}, false),
      sample("StockChanged.v1", StockChanged{sellerless_product, -7, "실사 차이"}, false),
      sample("ProductWithdrawn.v1",
             ProductWithdrawn{sellerless_product, at("2026-03-02T10:00:00Z")}, false),
      sample("AccountOpened.v2", AccountOpened{account}, true),
      sample("AddressChanged.v2", AddressChanged{account}, true),
      sample("AccountDetailsChanged.v2", AccountDetailsChanged{account}, true),
      sample("AccountClosed.v2", AccountClosed{account, at("2026-03-02T10:00:00Z")}, true),
      sample("ProductListed.v2", ProductListed{product}, true),
      sample("PriceChanged.v2", PriceChanged{product}, true),
      sample("StockChanged.v2", StockChanged{product, -7, "실사 차이"}, true),
      sample("ProductWithdrawn.v2", ProductWithdrawn{product, at("2026-03-02T10:00:00Z")}, true),
      sample("PurchaseCompleted.v1",
             PurchaseCompleted{purchase_id, account_id, recipient, lines, total,
                               id_cast<QuoteId>(purchase_id), at("2026-03-02T10:00:00Z")},
             false),
      sample("PurchaseCompleted.v2",
             PurchaseCompleted{purchase_id, account_id, recipient, lines, total, quote_id,
                               at("2026-03-02T10:00:00Z")},
             true),
      sample("PurchaseCancelled.v1",
             PurchaseCancelled{purchase_id, account_id, recipient, lines, total,
                               at("2026-03-02T10:00:00Z"), "단순 변심", at("2026-03-02T11:00:00Z")},
             true),
      sample("DeliveryScanned.v1",
             DeliveryScanned{purchase_id,
                             account_id,
                             {"CJ대한통운", "6012-3456-7890", DeliveryStatus::out_for_delivery,
                              "종로 대리점", "OFD-3", at("2026-03-03T08:12:00Z")},
                             DeliveryStatus::delivered},
             false),
      sample("DeliveryScanned.v2",
             DeliveryScanned{purchase_id,
                             account_id,
                             {"CJ대한통운", "6012-3456-7890", DeliveryStatus::out_for_delivery,
                              "종로 대리점", "OFD-3", at("2026-03-03T08:12:00Z")},
                             DeliveryStatus::delivered,
                             DeliveryStatus::in_transit},
             true),
      sample("ReceiptConfirmed.v1",
             ReceiptConfirmed{purchase_id, account_id, at("2026-03-04T12:00:00Z")}, true),
      sample("NothingChanged.v1",
             NothingChanged{{EntityKind::product, id_cast<EntityId>(product_id)}, {{41}, 2}, 1'000},
             true),
  };
}

}  // namespace jangbu::test
