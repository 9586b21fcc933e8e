// The shop's everyday requests, as the tests make them.
#pragma once

#include <string>
#include <string_view>

#include "tests/support/shop.hpp"

namespace jangbu::test {

Json won(std::int64_t amount);
Json address(std::string_view line, std::string_view zip_code);
Json account(std::string_view name);
Json product(std::string_view name, std::int64_t price, std::int64_t stock);
Json one_line(std::string_view buyer, std::string_view product, std::int64_t quantity = 1);
Json scan(std::string_view status, std::string_view occurred_at);

// Those that are only a step towards what a test is about: they throw unless all is well.
Json open_account(const Shop& shop, std::string_view name);
Json list_product(const Shop& shop, std::string_view name, std::int64_t price, std::int64_t stock);
Json buy(const Shop& shop, std::string_view buyer, std::string_view product,
         std::int64_t quantity = 1);
Json ask_for_quote(const Shop& shop, std::string_view buyer, std::string_view product,
                   std::int64_t quantity = 1);
void record_scan(const Shop& shop, const std::string& delivery, std::string_view status,
                 std::string_view occurred_at);

// The path with minPosition, so that a query sees what a command has answered with.
std::string at(std::string_view path, std::uint64_t position);

std::string id_of(const Json& json);

// Where the log ends now. A new shop's is not empty: its writer has claimed it.
std::uint64_t log_end(const Shop& shop);
// The id of the first event of the commit at this position.
std::string event_at(std::uint64_t position);

}  // namespace jangbu::test
