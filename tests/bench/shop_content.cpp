#include "tests/bench/shop_content.hpp"

#include <array>
#include <bit>
#include <string>

namespace jangbu::bench {

namespace {

constexpr std::array surnames{"김", "이", "박", "최", "정", "강", "조", "윤", "장", "임"};
constexpr std::array streets{"서울특별시 종로구 세종대로", "부산광역시 해운대구 해운대로",
                             "대전광역시 유성구 대학로", "광주광역시 북구 첨단과기로"};
constexpr std::array goods{"한지 노트", "기계식 키보드", "보성 녹차", "나전칠기 함"};

std::uint64_t mixed(std::uint64_t number) {
  number += 0x9e3779b97f4a7c15;
  number = (number ^ (number >> 30)) * 0xbf58476d1ce4e5b9;
  number = (number ^ (number >> 27)) * 0x94d049bb133111eb;
  return number ^ (number >> 31);
}

// As UUIDv7 are: the first bytes rise, the last are random.
template <class SomeId>
SomeId id_of(std::uint64_t number, std::uint64_t kind) {
  return std::bit_cast<SomeId>(std::array{__builtin_bswap64(0x0195'0000'0000'7000 + (number << 16)),
                                          mixed(number * 8 + kind)});
}

template <class Texts>
std::string one_of(const Texts& texts, std::uint64_t which) {
  return texts[which % texts.size()];
}

// One of the 399 syllables that end with a vowel, in UTF-8: every 28th from 가 on.
std::string syllable(std::uint64_t which) {
  const auto code = static_cast<unsigned>(0xAC00 + which % 399 * 28);
  return {static_cast<char>(0xE0 | code >> 12), static_cast<char>(0x80 | (code >> 6 & 0x3F)),
          static_cast<char>(0x80 | (code & 0x3F))};
}

// No two are alike before there are 1,592,010.
std::string name_of(std::uint64_t number) {
  const std::uint64_t given = number / surnames.size();
  return one_of(surnames, number) + syllable(given) + syllable(given / 399);
}

}  // namespace

AccountId account_id(std::uint64_t number) {
  return id_of<AccountId>(number, 1);
}

ProductId product_id(std::uint64_t number) {
  return id_of<ProductId>(number, 2);
}

PurchaseId purchase_id(std::uint64_t number) {
  return id_of<PurchaseId>(number, 3);
}

KeyHash key_hash(std::uint64_t number) {
  return std::bit_cast<KeyHash>(std::array{mixed(number * 8 + 4), mixed(number * 8 + 5)});
}

AccountOpened account_opened(std::uint64_t number, Timestamp at) {
  return {{.account = account_id(number),
           .person = {name_of(number),
                      "user" + std::to_string(number) + "@example.com",
                      {one_of(streets, number) + ' ' + std::to_string(number % 900 + 1),
                       std::to_string(10'000 + number % 50'000)}},
           .member_type = MemberType::buyer,
           .membership_level = MembershipLevel::silver,
           .opened_at = at}};
}

ProductListed product_listed(std::uint64_t number, Timestamp at) {
  return {{.product = product_id(number),
           .name = one_of(goods, number) + " A5 #" + std::to_string(number),
           .unit_price = {static_cast<std::int64_t>(1'000 + number % 90 * 1'000), {}},
           .stock = 1'000'000'000,
           .description = "닥나무로 만든 종이, 실로 묶은 표지, 백 쪽",
           .listed_at = at}};
}

PurchaseCompleted purchase_completed(std::uint64_t number, std::uint64_t account,
                                     std::uint64_t product, Timestamp at) {
  const AccountState buyer = account_opened(account, at).state;
  const ProductState bought = product_listed(product, at).state;
  return {.purchase = purchase_id(number),
          .buyer = buyer.account,
          .recipient = {buyer.person.name, buyer.person.address},
          .lines = {{bought.product, bought.name, bought.unit_price, 1, bought.unit_price}},
          .total = bought.unit_price,
          .quote = {},
          .purchased_at = at};
}

DeliveryScanned delivery_scanned(const PurchaseCompleted& purchase, DeliveryStatus previous,
                                 DeliveryStatus status, Timestamp at) {
  return {.purchase = purchase.purchase,
          .buyer = purchase.buyer,
          .scan = {.carrier = "우체국택배",
                   .tracking_number = "6865412345678",
                   .status = status,
                   .location = "서울",
                   .code = "",
                   .occurred_at = at},
          .status = status,
          .previous = previous};
}

}  // namespace jangbu::bench
