#include "api/access/policy.hpp"

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "api/access/grant.hpp"

namespace jangbu::access {

namespace {

using enum Role;

struct Entry {
  std::string_view operation;
  Permission permission;
};

constexpr Permission everybody{.everybody = true};

constexpr Permission only(std::initializer_list<Role> roles) {
  return {.roles = roles};
}

constexpr Entry table[] = {
    // Of every service: what it offers, and what its problems mean.
    {"getIndex", everybody},
    {"getOpenApi", everybody},
    {"getProblem", everybody},

    // Accounts
    {"openAccount", only({buyer, clerk})},
    {"importAccounts", only({clerk})},
    {"getOwnAccount", only({buyer})},
    {"listAccounts", only({buyer, clerk, auditor})},
    {"findAccountByName", only({buyer, clerk, auditor})},
    {"findAccountsByNameStartingWith", only({clerk, auditor})},
    {"getAccount", only({buyer, clerk, auditor})},
    {"getAccountHistory", only({buyer, clerk, auditor})},
    {"changeAccountDetails", only({buyer, clerk})},
    {"changeAddress", only({buyer, clerk})},
    {"closeAccount", only({buyer, clerk})},

    // Products
    {"listProduct", only({seller, clerk})},
    {"importProducts", only({seller, clerk})},
    {"listProducts", only({buyer, seller, clerk, auditor})},
    {"findProductByName", only({buyer, seller, clerk, auditor})},
    {"findProductsByNameStartingWith", only({buyer, seller, clerk, auditor})},
    {"getProduct", only({buyer, seller, clerk, auditor})},
    {"getProductHistory", only({buyer, seller, clerk, auditor})},
    {"changePrice", only({seller, clerk})},
    {"changeStock", only({seller, clerk})},
    {"withdrawProduct", only({seller, clerk})},

    // Purchases
    {"requestQuote", only({buyer, clerk})},
    {"purchase", only({buyer, clerk})},
    {"listPurchases", only({buyer, clerk, auditor})},
    {"getPurchase", only({buyer, clerk, auditor})},
    {"getPurchaseHistory", only({buyer, clerk, auditor})},
    {"cancelPurchase", only({buyer, clerk})},

    // Deliveries
    {"listDeliveries", only({buyer, carrier, clerk, auditor})},
    {"getDelivery", only({buyer, carrier, clerk, auditor})},
    {"getDeliveryHistory", only({buyer, clerk, auditor})},
    {"recordScan", only({seller, carrier, clerk})},
    {"confirmReceipt", only({buyer, clerk})},
    {"streamDeliveries", only({buyer, clerk, auditor})},
    {"streamDelivery", only({buyer, clerk, auditor})},

    // Operations. Health is for whoever starts and stops processes; the log has personal data.
    {"getLiveness", everybody},
    {"getReadiness", everybody},
    {"getAsyncApi", everybody},
    {"getSchema", everybody},
    {"getAsker", only({buyer, seller, carrier, clerk, auditor, operator_})},
    {"getMetrics", only({auditor, operator_})},
    {"listEvents", only({auditor})},
    {"streamEvents", only({auditor})},
    {"listProjections", only({auditor, operator_})},
    {"rebuildProjection", only({operator_})},
    {"getRebuild", only({auditor, operator_})},
    {"listParked", only({auditor, operator_})},
    {"listWebhooks", only({auditor, operator_})},
    {"getWebhook", only({auditor, operator_})},
    {"pauseWebhook", only({operator_})},
    {"resumeWebhook", only({operator_})},
    {"replayWebhook", only({operator_})},
    {"testWebhook", only({operator_})},
    {"handOverWriter", only({operator_})},
    {"startLoad", only({operator_})},
    {"getLoad", only({auditor, operator_})},
    {"stopLoad", only({operator_})},
};

}  // namespace

Permission permission_for(std::string_view operation) {
  const auto* entry = std::ranges::find(table, operation, &Entry::operation);
  if (entry == std::end(table))
    throw std::logic_error("api/access/policy.cpp does not say who may use " +
                           std::string(operation));
  return entry->permission;
}

std::vector<std::string_view> words_of(Roles roles) {
  std::vector<std::string_view> words;
  for (std::size_t i = 0; i < role_count; ++i)
    if (const auto role = static_cast<Role>(i); roles.has(role)) words.push_back(to_string(role));
  return words;
}

std::string in_words(Roles roles) {
  const auto words = words_of(roles);
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += words[i];
  }
  return text;
}

}  // namespace jangbu::access
