// Command-line flags, and those that several subcommands share. A setting is a flag that can also
// be given as JANGBU_… in the environment.
//
// Threads: one at a time, at start. Ownership: the variable behind a flag outlives the CLI::App.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "api/client/shop_client.hpp"
#include "infra/eventlog/jetstream_log.hpp"

namespace jangbu::cli {

std::string environment_name(std::string flag);  // "nats-url" is JANGBU_NATS_URL

template <class Value>
CLI::Option* setting(CLI::App& app, const std::string& flag, Value& value,
                     const std::string& description) {
  return app.add_option("--" + flag, value, description)
      ->envname(environment_name(flag))
      ->capture_default_str();
}

inline CLI::Option* setting(CLI::App& app, const std::string& flag, bool& value,
                            const std::string& description) {
  return app.add_flag("--" + flag, value, description)->envname(environment_name(flag));
}

// Runs `run` when the command is given, once its settings are complete. For a wrong value in the
// environment, CLI11 before 2.4 reports an error, and later versions ignore the value: here it is
// an error with either.
void on_run(CLI::App& command, std::function<void()> run);

// Reports a usage error; returns the exit status. A word in the form of a connection string is not
// repeated: a flag may be misspelt and its value still be a password.
int report(const CLI::App& app, const CLI::ParseError& error, int argc, const char* const* argv);

// What is wrong with a value, for people; empty when nothing is.
std::string check_name(const std::string& name);  // of a stream or a shop
std::string check_event_id(const std::string& id);
// An origin as browsers send it (RFC 6454, section 6.2).
std::string check_origin(const std::string& origin);
// A name or address of a host, without scheme and port.
std::string check_host(const std::string& host);
std::string check_instance_name(const std::string& name);
// A network in CIDR notation, or an address.
std::string check_network(const std::string& network);

// --nats-url and --stream: where the event log is.
void add_log_flags(CLI::App& app, JetStreamOptions& log);
// --shop. The default depends on --stream, which is known only when all settings are: whoever finds
// the name still empty then takes default_shop().
void add_shop_flag(CLI::App& app, std::string& shop);
std::string default_shop(std::string stream);
// --nats-monitor-url, --replicas and --accept-weak-durability, for commands that create a stream.
void add_gate_flags(CLI::App& app, JetStreamOptions& log, bool& accept_weak_durability);
// --public-nats-url
void add_public_url_flag(CLI::App& app, std::string& url);
// --database
void add_database_flag(CLI::App& app, std::string& database);
// The accepted values of a flag that names read models.
std::vector<std::string> read_model_names();
// --host, --port-base, --tls, --ca-file, --client-certificate, --credential-file: where a running
// shop is, and who asks it. The credential itself may be in JANGBU_CREDENTIAL, and never in a
// command line, which everybody on the machine can read.
void add_shop_flags(CLI::App& app, ShopPlace& shop);
// The same without --host and --port-base.
void add_shop_access_flags(CLI::App& app, ShopPlace& shop);
// The same for several instances of a shop.
class Instances {
 public:
  void add_flags(CLI::App& app);
  // One for each host and port base, where one of either may be for all. Throws
  // CLI::ValidationError when they do not match.
  std::vector<ShopPlace> places() const;

 private:
  std::vector<std::string> hosts_{ShopPlace{}.host};
  std::vector<int> port_bases_{ShopPlace{}.port_base};
  ShopPlace shop_;  // for all of them
};
// --port-base
void add_port_base_flag(CLI::App& app, int& port_base);

}  // namespace jangbu::cli
