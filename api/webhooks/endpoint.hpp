// A webhook as the configuration file describes it: who is told of events, and how it knows that we
// tell it.
//
//   [webhooks.erp]
//   url = "https://erp.example/hooks/jangbu"
//   types = ["PurchaseCompleted", "PurchaseCancelled"]
//   secret_file = "/etc/jangbu/erp-secret"
//
// README.md lists the settings.
//
// Threads: plain values, and functions that read files. Errors: std::runtime_error, which names the
// table and says what to do, and never repeats a URL or a secret.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "infra/settings_table.hpp"

namespace jangbu::webhook {

struct Endpoint {
  std::string name;
  std::string url;
  std::vector<std::string> types;    // of events that it is told of; empty: all public ones
  std::vector<std::string> secrets;  // their bytes; each signs
  bool allow_private = false;        // addresses that are not public; http without TLS
  std::string authorities;           // certificates (PEM) to trust; empty: the system's

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

// Reads the secrets and certificates too. `public_types`: the types that a webhook may be told of.
Endpoint read_endpoint(const SettingsTable& table, std::span<const std::string_view> public_types);

// An endpoint's URL as people are shown it: without what may be secret, the values of its query and
// long segments of its path.
std::string shown_url(std::string_view url);

}  // namespace jangbu::webhook
