// Sample data for tests, a small shop: two accounts, a few products, and their history.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "commands/principal.hpp"
#include "events/commit.hpp"
#include "events/events.hpp"
#include "events/values.hpp"

namespace jangbu::test {

template <class SomeId>
constexpr SomeId id(unsigned number) {
  SomeId some{};
  for (std::size_t i = 0; i < 4; ++i)
    some.bytes[15 - i] = static_cast<std::uint8_t>(number >> (8 * i));
  return some;
}

constexpr Money won(std::int64_t amount) {
  return {amount, {{'K', 'R', 'W'}}};
}
constexpr Money dollars(std::int64_t cents) {
  return {cents, {{'U', 'S', 'D'}}};
}

// 2026-03-01T09:30:00Z, when the shop opened; and a time so many minutes later.
inline constexpr Timestamp opening{1'772'357'400'000};
constexpr Timestamp after_minutes(std::int64_t minutes) {
  return {opening.ms + minutes * 60'000};
}

inline const AccountState hong{
    .account = id<AccountId>(0xa1),
    .person = {"홍길동", "hong@example.com", {"서울특별시 종로구 세종대로 209", "03171"}},
    .member_type = MemberType::buyer,
    .membership_level = MembershipLevel::gold,
    .opened_at = opening};
inline const AccountState alice{
    .account = id<AccountId>(0xa2),
    .person = {"Alice Liddell", "", {"1 Christ Church, Oxford", "OX1 1DP"}},
    .member_type = MemberType::buyer,
    .membership_level = MembershipLevel::none,
    .opened_at = opening};

inline const ProductState keyboard{.product = id<ProductId>(0xb1),
                                   .name = "기계식 키보드",
                                   .unit_price = won(39'900),
                                   .stock = 100,
                                   .description = "청축",
                                   .listed_at = opening};
inline const ProductState tea{.product = id<ProductId>(0xb2),
                              .name = "보성 녹차",
                              .unit_price = won(12'000),
                              .stock = 5,
                              .description = "",
                              .listed_at = opening};
inline const ProductState book{.product = id<ProductId>(0xb3),
                               .name = "Through the Looking-Glass",
                               .unit_price = dollars(1'250),
                               .stock = 10,
                               .description = "",
                               .listed_at = opening};

// Somebody with these roles.
inline Principal principal(unsigned number, Roles roles, std::string carrier = {}) {
  return {.id = id<PrincipalId>(number),
          .name = "https://id.example|" + std::to_string(number),
          .roles = roles,
          .carrier = std::move(carrier)};
}

inline AccountState owned(AccountState account, const Principal& by) {
  account.owner = by.id;
  return account;
}
inline ProductState sold(ProductState product, const Principal& by) {
  product.seller = by.id;
  return product;
}

inline const PurchaseId first_purchase = id<PurchaseId>(0xc1);
inline const PurchaseId second_purchase = id<PurchaseId>(0xc2);
inline const QuoteId first_quote = id<QuoteId>(0xd1);

inline Recipient recipient(const AccountState& account) {
  return {account.person.name, account.person.address};
}

inline PurchaseLine line(const ProductState& product, std::int64_t quantity) {
  return {product.product,
          product.name,
          product.unit_price,
          quantity,
          {product.unit_price.amount * quantity, product.unit_price.currency}};
}

// --- What happened -------------------------------------------------------------------------------

inline PurchaseCompleted bought(const PurchaseId& purchase, const AccountState& buyer,
                                std::vector<PurchaseLine> lines, std::optional<QuoteId> quote = {},
                                Timestamp at = opening) {
  Money total{0, lines.front().total.currency};
  for (const PurchaseLine& one : lines) total.amount += one.total.amount;
  return {purchase, buyer.account, recipient(buyer), std::move(lines), total, quote, at};
}

inline PurchaseCancelled cancelled(const PurchaseCompleted& purchase, std::string reason,
                                   Timestamp at = opening) {
  return {purchase.purchase, purchase.buyer,        purchase.recipient, purchase.lines,
          purchase.total,    purchase.purchased_at, std::move(reason),  at};
}

inline Scan scan(DeliveryStatus status, Timestamp at = opening) {
  return {"CJ대한통운", "6012-3456-7890", status, "", "", at};
}

// The scan as recorded, with the delivery's status after it.
inline DeliveryScanned scanned(const PurchaseCompleted& purchase, const Scan& scan,
                               DeliveryStatus status_after) {
  return {purchase.purchase, purchase.buyer, scan, status_after};
}
// Adds the status before the scan, as commands record it.
inline DeliveryScanned after(DeliveryStatus previous, DeliveryScanned scanned) {
  scanned.previous = previous;
  return scanned;
}
inline DeliveryScanned scanned(const PurchaseCompleted& purchase, const Scan& news) {
  return scanned(purchase, news, news.status);
}

inline CommandKey key(unsigned number, unsigned request = 1) {
  return {id<KeyHash>(0xfee00000u + number), id<RequestHash>(request)};
}

}  // namespace jangbu::test
