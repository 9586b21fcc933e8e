#include "api/cli/demo.hpp"

#include <chrono>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "api/client/shop_client.hpp"
#include "infra/json_tree.hpp"
#include "infra/log.hpp"

namespace jangbu {

namespace {

using Value = nlohmann::json;
using Service = ShopClient::Service;

// Posts a command under its own idempotency key until it is decided. Returns the answer, or null
// when the data already exists (409).
Value post(ShopClient& shop, Service service, const std::string& path, const Value& body,
           const std::string& key) {
  const auto answer = shop.command(service, path, json_text(body), "demo-" + key);
  if (answer.status == 409) return nullptr;
  if (const auto refusal = refusal_in(answer.status, answer.body); !refusal.empty())
    throw std::runtime_error(shop.url(service) + path + " " + refusal);
  if (answer.status >= 300)
    throw std::runtime_error(shop.url(service) + path + ": " + std::to_string(answer.status) + " " +
                             answer.body);
  return parse_json(answer.body);
}

const Value accounts = parse_json(R"([
  {"name": "홍길동", "email": "gildong@example.com", "membershipLevel": "VIP",
   "address": {"line": "서울특별시 종로구 세종대로 175", "zipCode": "03172"}},
  {"name": "김영희", "membershipLevel": "GOLD",
   "address": {"line": "부산광역시 해운대구 우동 1411", "zipCode": "48060"}},
  {"name": "이순신", "address": {"line": "전라남도 여수시 여서동 245", "zipCode": "59722"}},
  {"name": "Ada Lovelace", "email": "ada@example.org", "membershipLevel": "SILVER",
   "address": {"line": "12 St James's Square, London", "zipCode": "SW1Y 4JH"}},
  {"name": "Jürgen Groß", "address": {"line": "Königstraße 5, Stuttgart", "zipCode": "70173"}},
  {"name": "한지공방", "memberType": "seller",
   "address": {"line": "전라북도 전주시 완산구 한지길 100-10", "zipCode": "55041"}}
])");

const Value products = parse_json(R"([
  {"name": "한지 노트", "unitPrice": {"amount": 12900, "currency": "KRW"}, "stock": 500,
   "description": "전주 한지로 만든 노트, 100쪽"},
  {"name": "놋쇠 수저 세트", "unitPrice": {"amount": 39900, "currency": "KRW"}, "stock": 120,
   "description": "두 벌, 상자에 담아 드립니다"},
  {"name": "백자 찻잔", "unitPrice": {"amount": 28000, "currency": "KRW"}, "stock": 60},
  {"name": "쑥차 50g", "unitPrice": {"amount": 9500, "currency": "KRW"}, "stock": 1000},
  {"name": "Fountain pen", "unitPrice": {"amount": 4900, "currency": "EUR"}, "stock": 80,
   "description": "Steel nib, medium"},
  {"name": "Ledger, A5", "unitPrice": {"amount": 1850, "currency": "EUR"}, "stock": 300}
])");

void load(ShopClient shop) {
  int number = 0;
  for (const Value& body : accounts)
    post(shop, Service::account, "/accounts", body, "account-" + std::to_string(++number));
  for (const Value& body : products)
    post(shop, Service::product, "/products", body, "product-" + std::to_string(++number));

  post(shop, Service::purchase, "/purchases",
       {{"buyer", "김영희"}, {"product", "쑥차 50g"}, {"quantity", 2}}, "purchase-1");
  const Value pens = post(shop, Service::purchase, "/purchases",
                          {{"buyer", "Ada Lovelace"},
                           {"lines",
                            {{{"product", "Fountain pen"}, {"quantity", 1}},
                             {{"product", "Ledger, A5"}, {"quantity", 3}}}}},
                          "purchase-2");
  if (pens.is_null()) return;
  const std::string scans = "/deliveries/" + pens.at("id").get<std::string>() + "/scans";
  const std::string bought_at = pens.at("purchasedAt");
  for (const char* status : {"picked-up", "in-transit"})
    post(shop, Service::delivery, scans,
         {{"carrier", "Royal Mail"},
          {"trackingNumber", "RM123456785GB"},
          {"status", status},
          {"location", "London"},
          {"occurredAt", bought_at}},
         std::string("scan-") + status);
}

}  // namespace

int load_demo(const ShopPlace& shop) {
  try {
    load(ShopClient(shop, std::chrono::seconds(30)));
    log::info("demo data is loaded: {} accounts, {} products", accounts.size(), products.size());
    return 0;
  } catch (const std::exception& error) {
    log::critical(
        "the demo data could not be loaded: {}. Is the shop up? Run jangbu demo again: existing "
        "data is left as it is",
        error.what());
    return 1;
  }
}

}  // namespace jangbu
