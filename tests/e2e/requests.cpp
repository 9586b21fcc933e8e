#include "tests/e2e/requests.hpp"

#include <stdexcept>

namespace jangbu::test {

namespace {

Json expect(int status, const Reply& reply) {
  if (reply.status != status)
    throw std::runtime_error("answered " + std::to_string(reply.status) + " instead of " +
                             std::to_string(status) + ": " + reply.body);
  return reply.json;
}

}  // namespace

Json won(std::int64_t amount) {
  return {{"amount", amount}, {"currency", "KRW"}};
}

Json address(std::string_view line, std::string_view zip_code) {
  return {{"line", line}, {"zipCode", zip_code}};
}

Json account(std::string_view name) {
  return {{"name", name}, {"address", address("서울특별시 종로구 세종대로 175", "03172")}};
}

Json product(std::string_view name, std::int64_t price, std::int64_t stock) {
  return {{"name", name}, {"unitPrice", won(price)}, {"stock", stock}};
}

Json one_line(std::string_view buyer, std::string_view product, std::int64_t quantity) {
  return {{"buyer", buyer}, {"product", product}, {"quantity", quantity}};
}

Json scan(std::string_view status, std::string_view occurred_at) {
  return {{"carrier", "CJ대한통운"},
          {"trackingNumber", "6897-1234"},
          {"status", status},
          {"occurredAt", occurred_at}};
}

Json open_account(const Shop& shop, std::string_view name) {
  return expect(201, shop.accounts().post("/accounts", account(name)));
}

Json list_product(const Shop& shop, std::string_view name, std::int64_t price, std::int64_t stock) {
  return expect(201, shop.products().post("/products", product(name, price, stock)));
}

Json buy(const Shop& shop, std::string_view buyer, std::string_view product,
         std::int64_t quantity) {
  return expect(201, shop.purchases().post("/purchases", one_line(buyer, product, quantity)));
}

Json ask_for_quote(const Shop& shop, std::string_view buyer, std::string_view product,
                   std::int64_t quantity) {
  return expect(200, shop.purchases().post("/quotes", one_line(buyer, product, quantity)));
}

void record_scan(const Shop& shop, const std::string& delivery, std::string_view status,
                 std::string_view occurred_at) {
  expect(200,
         shop.deliveries().post("/deliveries/" + delivery + "/scans", scan(status, occurred_at)));
}

std::string at(std::string_view path, std::uint64_t position) {
  const char separator = path.find('?') == path.npos ? '?' : '&';
  return std::string(path) + separator + "minPosition=" + std::to_string(position) +
         "&waitMs=10000";
}

std::string id_of(const Json& json) {
  return json.at("id").get<std::string>();
}

std::uint64_t log_end(const Shop& shop) {
  return shop.operations().get("/events").position();
}

std::string event_at(std::uint64_t position) {
  return std::to_string(position) + ".0";
}

}  // namespace jangbu::test
