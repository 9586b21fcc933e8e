#include "tests/support/openid_provider.hpp"

#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

namespace jangbu::test {

namespace {

namespace fs = std::filesystem;

const fs::path packages = fs::path(JANGBU_TOOLS) / "provider/node_modules";

std::string text_of(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::size_t count(std::string_view text, std::string_view word) {
  std::size_t found = 0;
  for (auto at = text.find(word); at != text.npos; at = text.find(word, at + 1)) ++found;
  return found;
}

}  // namespace

std::string OpenIdProvider::why_not() {
  if (std::system("command -v node >/dev/null") == 0 && fs::exists(packages / "oidc-provider"))
    return {};
  return "no OpenID provider without Node.js and oidc-provider: infra/install --secure";
}

OpenIdProvider::OpenIdProvider(Options options)
    : options_(std::move(options)), port_(free_port_base()) {
  std::ofstream(folder_.path() / "certificate.pem") << options_.identity.certificate;
  std::ofstream(folder_.path() / "key.pem") << options_.identity.key;
  start();
}

std::string OpenIdProvider::issuer() const {
  const std::string scheme = options_.identity.key.empty() ? "http" : "https";
  return scheme + "://127.0.0.1:" + std::to_string(port_);
}

HttpClient OpenIdProvider::client() const {
  if (options_.identity.key.empty()) return HttpClient(port_);
  return HttpClient(port_, {}, TlsClient::Options{.ca = options_.ca});
}

std::string OpenIdProvider::token(const std::string& role) const {
  const Reply reply = client().send(
      "POST", "/token",
      "grant_type=client_credentials&client_id=tour-" + role + "&client_secret=" + secret(role),
      {{"Content-Type", "application/x-www-form-urlencoded"}});
  if (reply.status != 200) throw std::runtime_error("no token: " + reply.body);
  return reply.json.at("access_token");
}

std::string OpenIdProvider::secret(const std::string& role) const {
  return text_of(folder_.path() / "data" / ("tour-" + role));
}

void OpenIdProvider::rotate_keys() {
  const std::string done = "The signing key is a new one";
  const std::size_t before = count(process_->log_text(), done);
  process_->signal(SIGHUP);
  wait_until(done, [&] { return count(process_->log_text(), done) > before; });
}

void OpenIdProvider::stop() {
  process_->stop(SIGTERM);
}

void OpenIdProvider::start() {
  std::vector<std::string> command{"node",       JANGBU_PROVIDER, "--data", folder_.path() / "data",
                                   "--packages", packages,        "--port", std::to_string(port_)};
  if (!options_.identity.key.empty())
    command.insert(command.end(), {"--certificate", folder_.path() / "certificate.pem", "--key",
                                   folder_.path() / "key.pem"});
  if (!options_.shop.empty()) command.insert(command.end(), {"--shop", options_.shop});
  const fs::path log = folder_.path() / "log";
  fs::remove(log);
  process_ = std::make_unique<Process>(Process::Options{.command = command, .log = log});
  wait_until("the OpenID provider", [&] {
    if (!process_->running()) throw std::runtime_error(process_->log_text());
    return process_->log_text().find("is ready: " + issuer() + "\n") != std::string::npos;
  });
}

}  // namespace jangbu::test
