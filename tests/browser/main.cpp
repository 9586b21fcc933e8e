// Starts a shop and sends a script with a browser to its pages:
//
//   jangbu_browser_test CHROMIUM NODE_MODULES SCRIPT FOLDER [provider | instances]
//
// With `provider` there is access control, by the OpenID provider of infra/provider. With
// `instances` the shop has two, `first` and `second`, of which the first is active at the
// beginning; the ports of the second begin at JANGBU_SECOND.
//
// A script that wants to see the shop die and come back writes a file `kill` or `start` into
// FOLDER, `pause` or `resume` to have it hang, with `-second` behind it for the second instance;
// the file goes when it is done. The shop has a webhook, `warehouse`, to a port of its own,
// JANGBU_RECEIVER, at which the script may listen. Exit status: that of the script, or 77 when
// browser, packages or provider are not there.
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/files.hpp"
#include "tests/support/openid_provider.hpp"
#include "tests/support/shop.hpp"

using namespace jangbu::test;

namespace {

constexpr int skipped = 77;

void obey(const std::filesystem::path& folder, const std::string& suffix, ServeProcess& instance) {
  const std::pair<const char*, std::function<void()>> words[] = {
      {"kill", [&] { instance.kill(); }},
      {"start", [&] { instance.start(); }},
      {"pause", [&] { instance.signal(SIGSTOP); }},
      {"resume", [&] { instance.signal(SIGCONT); }}};
  for (const auto& [word, act] : words) {
    const std::filesystem::path file = folder / (word + suffix);
    if (!std::filesystem::exists(file)) continue;
    act();
    std::filesystem::remove(file);
  }
}

// Where the shop's webhook goes. Returns the configuration file.
std::string configure(const std::filesystem::path& folder, int receiver) {
  const std::filesystem::path secret = folder / "secret", file = folder / "jangbu.toml";
  write_text(secret, "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=\n");
  ::chmod(secret.c_str(), 0600);
  write_text(file, "[webhooks.warehouse]\nurl = \"http://127.0.0.1:" + std::to_string(receiver) +
                       "/hook\"\nallow_private = true\nsecret_file = \"" + secret.string() +
                       "\"\n");
  return file;
}

// Starts the provider, now that it is known where the shop is, and the shop anew.
std::unique_ptr<OpenIdProvider> control_access(Shop& shop, const std::string& configuration) {
  auto provider = std::make_unique<OpenIdProvider>(OpenIdProvider::Options{
      .shop = "http://127.0.0.1:" + std::to_string(shop.jangbu.port_base())});
  write_text(configuration, "[issuers.people]\nurl = \"" + provider->issuer() +
                                "\"\naudience = \"jangbu\"\nroles = [\"buyer\", \"seller\", "
                                "\"carrier\", \"clerk\", \"auditor\", \"operator\"]\n"
                                "login_client = \"jangbu-pages\"\n");
  shop.jangbu.stop();
  shop.jangbu.start();
  return provider;
}

// A second instance of the shop. Each is told of the other, so the first one starts anew; then the
// second one does, so that the first is active.
std::unique_ptr<ServeProcess> add_instance(Shop& shop, const std::string& configuration) {
  const auto origin = [](const ServeProcess& instance) {
    return "http://127.0.0.1:" + std::to_string(instance.port_base());
  };
  auto second = std::make_unique<ServeProcess>(shop.options(
      {"--allow-load", "--instance-name", "second", "--other-instance", origin(shop.jangbu)}));
  write_text(configuration, "instance-name = \"first\"\nother-instance = [\"" + origin(*second) +
                                "\"]\n" + read_text(configuration));
  shop.jangbu.stop();
  shop.jangbu.start();
  second->stop();
  second->start();
  return second;
}

int run(const std::string& chromium, const std::string& node_modules, const std::string& script,
        const std::filesystem::path& folder, const std::string& mode) {
  const bool with_provider = mode == "provider";
  for (const std::filesystem::path needed : {chromium, node_modules + "/playwright-core"})
    if (!std::filesystem::exists(needed)) {
      std::cout << "Not run: " << needed.string()
                << " is not there. infra/install --tests gets it.\n";
      return skipped;
    }
  if (const std::string why = OpenIdProvider::why_not(); with_provider && !why.empty()) {
    std::cout << "Not run: " << why << '\n';
    return skipped;
  }
  std::filesystem::create_directories(folder);
  const std::filesystem::path log = folder / "browser.log";
  std::filesystem::remove(log);

  const int receiver = free_port_base();
  const std::string configuration = configure(folder, receiver);
  std::vector<std::string> flags{"--config", configuration};
  if (!with_provider) flags.emplace_back("--allow-load");
  Shop shop(flags);
  const auto provider = with_provider ? control_access(shop, configuration) : nullptr;
  const auto second = mode == "instances" ? add_instance(shop, configuration) : nullptr;
  std::vector<std::string> environment{"JANGBU_NODE_MODULES=" + node_modules,
                                       "JANGBU_RECEIVER=" + std::to_string(receiver)};
  if (second) environment.push_back("JANGBU_SECOND=" + std::to_string(second->port_base()));
  Process node(
      {.command = {"node", script, chromium, std::to_string(shop.jangbu.port_base()), folder},
       .log = log,
       .environment = environment});
  wait_until(
      "the script ends",
      [&] {
        obey(folder, "", shop.jangbu);
        if (second) obey(folder, "-second", *second);
        return !node.running();
      },
      900s);
  const int status = node.wait(1s);
  std::cout << node.log_text();
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc == 6 ? argv[5] : "";
  if (argc != (mode.empty() ? 5 : 6) ||
      (!mode.empty() && mode != "provider" && mode != "instances")) {
    std::cerr << "usage: jangbu_browser_test CHROMIUM NODE_MODULES SCRIPT FOLDER [provider | "
                 "instances]\n";
    return 2;
  }
  try {
    return run(argv[1], argv[2], argv[3], argv[4], mode);
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
