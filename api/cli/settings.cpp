#include "api/cli/settings.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "api/access/client_address.hpp"
#include "api/http/hosts.hpp"
#include "infra/eventlog/server_urls.hpp"
#include "infra/plain_file.hpp"
#include "infra/postgres/conninfo.hpp"
#include "projections/tables/registry.hpp"

namespace jangbu::cli {

std::string environment_name(std::string flag) {
  for (char& c : flag) c = c == '-' ? '_' : static_cast<char>(std::toupper(c));
  return "JANGBU_" + flag;
}

std::string check_name(const std::string& name) {
  if (JetStreamLog::is_stream_name(name)) return {};
  return "must have 1 to 64 letters, digits, '-' and '_', not '" + name + "'";
}

std::string check_event_id(const std::string& id) {
  if (const auto event = parse_event_id(id); event && event->position != Position{}) return {};
  return "must be the id of an event, such as 42.0, not '" + id + "'";
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
  return "must be an origin, such as http://127.0.0.1:3000, not '" + without_credentials(origin) +
         "'";
}

void on_run(CLI::App& command, std::function<void()> run) {
  command.callback([&command, run = std::move(run)] {
    for (CLI::Option* option : command.get_options()) {
      if (option->count() > 0 || option->get_envname().empty()) continue;
      const char* value = std::getenv(option->get_envname().c_str());
      if (!value || !*value) continue;
      option->add_result(std::string(value));
      option->run_callback();
    }
    run();
  });
}

int report(const CLI::App& app, const CLI::ParseError& error, int argc, const char* const* argv) {
  std::ostringstream errors;
  const int status = app.exit(error, std::cout, errors);
  std::string text = errors.str();
  for (int i = 1; i < argc; ++i) {
    std::string_view word = argv[i];
    if (word.starts_with('-')) word.remove_prefix(std::min(word.find('='), word.size() - 1) + 1);
    if (word.find_first_of("@=") == word.npos) continue;
    for (auto at = text.find(word); at != text.npos; at = text.find(word, at + 1))
      text.replace(at, word.size(), "***");
  }
  std::cerr << text << std::flush;
  return status == 0 ? 0 : 2;
}

std::string check_network(const std::string& network) {
  try {
    access::Network{network};
    return {};
  } catch (const std::runtime_error& wrong) {
    return wrong.what();
  }
}

std::string check_instance_name(const std::string& name) {
  if (name.empty() || is_instance_name(name)) return {};  // empty: the default
  return "must be 1 to 64 letters, digits, '.', '-' and '_', such as shop-1, not '" + name + "'";
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
  setting(app, "nats-url", log.url,
          "NATS servers, separated by commas; percent-encode special characters in a password");
  setting(app, "stream", log.stream, "JetStream stream that holds the event log")
      ->check(check_name);
}

void add_shop_flag(CLI::App& app, std::string& shop) {
  setting(
      app, "shop", shop,
      "Name of the shop in the source of its CloudEvents, /jangbu/NAME; unique among your shops "
      "(default: the stream's, in lower case)")
      ->check(check_name);
}

std::string default_shop(std::string stream) {
  for (char& c : stream) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return stream;
}

void add_gate_flags(CLI::App& app, JetStreamOptions& log, bool& accept_weak_durability) {
  setting(app, "nats-monitor-url", log.monitor_url,
          "NATS monitoring URLs, one for each server, separated by commas: they say whether NATS "
          "fsyncs");
  setting(app, "replicas", log.replicas,
          "On how many servers a log is kept that is made anew: 1, 3 or 5; later jangbu events "
          "replicas changes it")
      ->check(CLI::IsMember({1u, 3u, 5u}));
  setting(app, "accept-weak-durability", accept_weak_durability,
          "Start even though a power loss may lose acknowledged events");
}

void add_public_url_flag(CLI::App& app, std::string& url) {
  setting(app, "public-nats-url", url,
          "NATS servers for the stream of public events (default: those of the event log)");
}

void add_database_flag(CLI::App& app, std::string& database) {
  setting(app, "database", database,
          "PostgreSQL for the read models, as a libpq connection string; of several hosts the "
          "first that takes writes")
      ->check(pg::check_conninfo);
}

std::vector<std::string> read_model_names() {
  std::vector<std::string> names;
  for (const ReadModel* model : read_models()) names.emplace_back(model->name);
  return names;
}

namespace {

// An access key or token from a file that only its owner may read.
std::string read_credential(const std::string& file) {
  constexpr std::size_t longest = 16 * 1024;  // tokens have some kB
  const auto fail = [&](const std::string& what) {
    throw CLI::ValidationError("--credential-file", file + " " + what);
  };
  std::string credential;
  try {
    credential = read_plain_file(file, longest, Privacy::owner_alone);
  } catch (const std::runtime_error& wrong) {
    fail(wrong.what());
  }
  credential.resize(credential.find_last_not_of(" \t\r\n") + 1);
  if (credential.empty()) fail("is empty: it is to hold an access key or token");
  return credential;
}

}  // namespace

void add_shop_flags(CLI::App& app, ShopPlace& shop) {
  app.add_option("--host", shop.host, "The shop's host: a name or an address")
      ->capture_default_str();
  add_port_base_flag(app, shop.port_base);
  add_shop_access_flags(app, shop);
}

void add_shop_access_flags(CLI::App& app, ShopPlace& shop) {
  setting(app, "tls", shop.tls, "The shop speaks HTTPS (--tls-certificate)");
  const auto implies_tls = [&shop](const std::string&) { shop.tls = true; };
  setting(app, "ca-file", shop.ca_file,
          "Whose certificate the shop's must be (PEM; default: of whom the system trusts); implies "
          "--tls")
      ->type_name("FILE")
      ->check(CLI::ExistingFile)
      ->each(implies_tls);
  setting(app, "client-certificate", shop.client_certificate,
          "A certificate and its key (PEM), for a shop with --tls-client-ca; implies --tls")
      ->type_name("FILE")
      ->check(CLI::ExistingFile)
      ->each(implies_tls);
  if (const char* credential = std::getenv("JANGBU_CREDENTIAL")) shop.credential = credential;
  app.add_option_function<std::string>(
         "--credential-file",
         [&shop](const std::string& file) { shop.credential = read_credential(file); },
         "An access key or token, for a shop with access control; it may be in JANGBU_CREDENTIAL "
         "instead")
      ->envname(environment_name("credential-file"))
      ->type_name("FILE");
}

void Instances::add_flags(CLI::App& app) {
  app.add_option("--host", hosts_, "The hosts of the shop's instances, separated by commas")
      ->delimiter(',')
      ->capture_default_str();
  setting(app, "port-base", port_bases_,
          "Ports of operations, separated by commas, one for each host or several of one host; the "
          "other services use the next four")
      ->delimiter(',')
      ->check(CLI::Range(1, 65531));
  add_shop_access_flags(app, shop_);
}

std::vector<ShopPlace> Instances::places() const {
  const std::size_t count = std::max(hosts_.size(), port_bases_.size());
  if ((hosts_.size() != 1 && hosts_.size() != count) ||
      (port_bases_.size() != 1 && port_bases_.size() != count))
    throw CLI::ValidationError(
        "--host and --port-base name as many instances as each other, or one of them is for all");
  std::vector<ShopPlace> places(count, shop_);
  for (std::size_t i = 0; i < count; ++i) {
    places[i].host = hosts_[hosts_.size() == 1 ? 0 : i];
    places[i].port_base = port_bases_[port_bases_.size() == 1 ? 0 : i];
  }
  return places;
}

void add_port_base_flag(CLI::App& app, int& port_base) {
  setting(app, "port-base", port_base,
          "Port of operations; account, product, purchase and delivery use the next four")
      ->check(CLI::Range(1, 65531));
}

}  // namespace jangbu::cli
