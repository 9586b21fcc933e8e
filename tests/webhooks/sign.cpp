// Prints signed messages, one a line, as JSON: {secrets, headers, body}.
#include <cstdint>
#include <iostream>
#include <string>
#include <vector>

#include "api/webhooks/signature.hpp"
#include "infra/ids.hpp"
#include "infra/json.hpp"

using namespace jangbu;

namespace {

void print(const std::vector<std::string>& secrets, const std::string& id,
           const std::string& body) {
  const std::int64_t now_s = system_now().ms / 1'000;
  std::vector<std::string> bytes;
  Json texts = Json::array();
  for (const std::string& secret : secrets) {
    bytes.push_back(webhook::parse_secret(secret).value());
    texts.push_back(secret);
  }
  std::cout << Json{{"secrets", texts},
                    {"headers", Json{{"webhook-id", id},
                                     {"webhook-timestamp", std::to_string(now_s)},
                                     {"webhook-signature", webhook::sign(bytes, id, now_s, body)}}},
                    {"body", body}}
                   .text()
            << '\n';
}

}  // namespace

int main() {
  const std::string old_secret = "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";
  const std::string new_secret = "whsec_////////////////////////////////";
  const std::string event = R"({"specversion":"1.0","id":"17.0","data":{"name":"한지 노트"}})";
  print({old_secret}, "17.0", event);
  print({old_secret, new_secret}, "4000000000.999", event);
  print({new_secret}, "test.0199f3b0-55aa-7d02-9c1f-8e7d6c5b4a39", "{}");
}
