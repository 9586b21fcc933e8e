// A shop's content at a stated size and in the language of its customers: each account with a name
// of 9 bytes, an e-mail address of about 20, an address of about 45 and a postal code of 5; each
// product with a name of about 25 and a description of about 60; purchases of one product.
//
// Threads: pure functions of their numbers, so that each thing can be made again.
#pragma once

#include <cstdint>

#include "events/commit.hpp"
#include "events/events.hpp"

namespace jangbu::bench {

// REQUIRES: below 1,500,000, since names are unique.
AccountOpened account_opened(std::uint64_t number, Timestamp at);
ProductListed product_listed(std::uint64_t number, Timestamp at);
// One piece of that product for that account.
PurchaseCompleted purchase_completed(std::uint64_t number, std::uint64_t account,
                                     std::uint64_t product, Timestamp at);
// One of the scans on its way.
DeliveryScanned delivery_scanned(const PurchaseCompleted& purchase, DeliveryStatus previous,
                                 DeliveryStatus status, Timestamp at);

AccountId account_id(std::uint64_t number);
ProductId product_id(std::uint64_t number);
PurchaseId purchase_id(std::uint64_t number);
// What a SHA-256 of an idempotency key looks like.
KeyHash key_hash(std::uint64_t number);

}  // namespace jangbu::bench
