#include "api/demo.hpp"

#include <curl/curl.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

namespace jangbu {

namespace {

using Json = nlohmann::json;

enum Service { account = 1, product, purchase, delivery };

size_t append(char* data, size_t size, size_t count, void* text) {
  static_cast<std::string*>(text)->append(data, size * count);
  return size * count;
}

class Client {
 public:
  explicit Client(int port_base) : port_base_(port_base) {
    curl_.reset(curl_easy_init());
    if (!curl_) throw std::runtime_error("libcurl cannot be used");
  }

  // Posts a command under an idempotency key of its own. The answer, or nothing when it is there
  // already (409).
  Json post(Service service, const std::string& path, const Json& body, const std::string& key) {
    const std::string url = "http://127.0.0.1:" + std::to_string(port_base_ + service) + path;
    const std::string text = body.dump();
    std::string answer;
    std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers(nullptr,
                                                                        &curl_slist_free_all);
    for (const std::string& header :
         {std::string("Content-Type: application/json"), "Idempotency-Key: demo-" + key})
      headers.reset(curl_slist_append(headers.release(), header.c_str()));
    CURL* curl = curl_.get();
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 30L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, static_cast<long>(text.size()));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, text.c_str());
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    const CURLcode done = curl_easy_perform(curl);
    if (done != CURLE_OK) throw std::runtime_error(url + ": " + curl_easy_strerror(done));
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (status == 409) return nullptr;
    if (status >= 300) throw std::runtime_error(url + ": " + std::to_string(status) + " " + answer);
    return Json::parse(answer);
  }

 private:
  int port_base_;
  std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl_{nullptr, &curl_easy_cleanup};
};

const Json accounts = Json::parse(R"([
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

const Json products = Json::parse(R"([
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

void load(Client client) {
  int number = 0;
  for (const Json& body : accounts)
    client.post(account, "/accounts", body, "account-" + std::to_string(++number));
  for (const Json& body : products)
    client.post(product, "/products", body, "product-" + std::to_string(++number));

  client.post(purchase, "/purchases",
              {{"buyer", "김영희"}, {"product", "쑥차 50g"}, {"quantity", 2}}, "purchase-1");
  const Json pens = client.post(purchase, "/purchases",
                                {{"buyer", "Ada Lovelace"},
                                 {"lines",
                                  {{{"product", "Fountain pen"}, {"quantity", 1}},
                                   {{"product", "Ledger, A5"}, {"quantity", 3}}}}},
                                "purchase-2");
  if (pens.is_null()) return;
  const std::string scans = "/deliveries/" + pens.at("id").get<std::string>() + "/scans";
  const std::string bought_at = pens.at("purchasedAt");
  for (const char* status : {"picked-up", "in-transit"})
    client.post(delivery, scans,
                {{"carrier", "Royal Mail"},
                 {"trackingNumber", "RM123456785GB"},
                 {"status", status},
                 {"location", "London"},
                 {"occurredAt", bought_at}},
                std::string("scan-") + status);
}

}  // namespace

int load_demo(int port_base) {
  try {
    load(Client(port_base));
    spdlog::info("demo data is loaded: {} accounts, {} products", accounts.size(), products.size());
    return 0;
  } catch (const std::exception& error) {
    spdlog::critical("the demo data could not be loaded: {}. Is the shop up?", error.what());
    return 1;
  }
}

}  // namespace jangbu
