#include "api/cli/settings.hpp"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "api/http/hosts.hpp"
#include "projections/tables/registry.hpp"

namespace jangbu::cli {

std::string environment_name(std::string flag) {
  for (char& c : flag) c = c == '-' ? '_' : static_cast<char>(std::toupper(c));
  return "JANGBU_" + flag;
}

std::string check_stream_name(const std::string& name) {
  if (JetStreamLog::is_stream_name(name)) return {};
  return "must have 1 to 64 letters, digits, '-' and '_', not '" + name + "'";
}

std::string check_origin(const std::string& origin) {
  constexpr std::string_view marks = "-._:[]";
  const auto scheme = origin.find("://");
  const std::string host = scheme == origin.npos ? "" : origin.substr(scheme + 3);
  const bool is_http = origin.starts_with("http://") || origin.starts_with("https://");
  const bool is_host = !host.empty() && std::ranges::all_of(host, [&](unsigned char c) {
    return std::islower(c) || std::isdigit(c) || marks.find(static_cast<char>(c)) != marks.npos;
  });
  if (is_http && is_host) return {};
  return "must be an origin, such as http://127.0.0.1:3000, not '" + origin + "'";
}

std::string check_host(const std::string& host) {
  constexpr std::string_view marks = "-._";
  const bool is_name = !host.empty() && std::ranges::all_of(host, [&](unsigned char c) {
    return std::isalnum(c) || marks.find(static_cast<char>(c)) != marks.npos;
  });
  const bool is_address = http::parse_authority("[" + host + "]").has_value();
  if (is_name || is_address) return {};
  return "must be a name or address without scheme and port, such as shop.example, not '" + host +
         "'";
}

void add_log_flags(CLI::App& app, JetStreamOptions& log) {
  setting(app, "nats-url", log.url, "NATS servers, separated by commas");
  setting(app, "stream", log.stream, "JetStream stream that holds the event log")
      ->check(check_stream_name);
}

void add_gate_flags(CLI::App& app, JetStreamOptions& log, bool& accept_weak_durability) {
  setting(app, "nats-monitor-url", log.monitor_url,
          "Where NATS answers monitoring requests: it tells whether it fsyncs");
  setting(app, "accept-weak-durability", accept_weak_durability,
          "Go on although acknowledged events may be lost with the power");
}

void add_database_flag(CLI::App& app, std::string& database) {
  setting(app, "database", database, "PostgreSQL for the read models, as libpq takes it");
}

std::vector<std::string> read_model_names() {
  std::vector<std::string> names;
  for (const ReadModel* model : read_models()) names.emplace_back(model->name);
  return names;
}

void add_port_base_flag(CLI::App& app, int& port_base) {
  setting(app, "port-base", port_base,
          "Port of operations; account, product, purchase and delivery take the next four")
      ->check(CLI::Range(1, 65531));
}

}  // namespace jangbu::cli
