#include "api/serve/ports.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <utility>

#include "api/access/policy.hpp"
#include "api/load/options.hpp"
#include "api/serve/serve.hpp"
#include "api/services/service.hpp"
#include "infra/log.hpp"
#include "infra/loopback.hpp"

namespace jangbu {

namespace {

constexpr ServicePort all_services[] = {{operations_service, 0},
                                        {account_service, 1},
                                        {product_service, 2},
                                        {purchase_service, 3},
                                        {delivery_service, 4}};

// An origin as browsers write it (RFC 6454, section 6.2).
std::string origin_of(const std::string& scheme, const std::string& host, int port) {
  const int usual = scheme == "https" ? 443 : 80;
  return scheme + "://" + host + (port == usual ? "" : ":" + std::to_string(port));
}

// Every name by which a browser on this machine may reach what listens on that address of it.
std::vector<std::string> names_here(const std::string& address) {
  std::vector<std::string> names{"127.0.0.1", "localhost"};
  if (address == "::1")
    names.emplace_back("[::1]");
  else if (is_loopback(address) && std::ranges::find(names, address) == names.end())
    names.push_back(address);
  return names;
}

// The services of this process, for a browser on this machine.
std::vector<Neighbour> own_places(const ServeOptions& options) {
  std::vector<Neighbour> places;
  for (const std::string& name : names_here(options.listen))
    for (const auto& [service, offset] : served(options))
      places.push_back({std::string(service.name),
                        origin_of(scheme(options), name, options.port_base + offset)});
  return places;
}

bool is_in(const std::vector<Neighbour>& places, const std::string& origin) {
  return std::ranges::find(places, origin, &Neighbour::origin) != places.end();
}

// An --other-instance, taken apart.
struct OtherInstance {
  std::string scheme;
  http::Authority operations;

  int port() const { return std::stoi(operations.port); }
  std::string origin(const std::string& name, int offset = 0) const {
    return origin_of(scheme, name, port() + offset);
  }
  std::string name() const {
    const std::string& host = operations.host;
    return host.find(':') == host.npos ? host : "[" + host + "]";
  }
};

OtherInstance parse_other(const ServeOptions& options, const std::string& origin) {
  constexpr int last_base = 65'531;
  const auto fail = [&](const std::string& what) {
    throw std::runtime_error("--other-instance " + origin + " " + what);
  };
  const auto colon = origin.find("://");
  const auto authority = http::parse_authority(std::string_view(origin).substr(colon + 3));
  if (!authority || authority->port.empty() || authority->port.size() > 5)
    fail("needs the port of its operations, as in https://shop-2.example:11000");
  OtherInstance other{.scheme = origin.substr(0, colon), .operations = *authority};
  if (other.port() < 1 || other.port() > last_base)
    fail("has no place for five services: the port of operations is 1 to " +
         std::to_string(last_base));
  // Without TLS of ours there may be a proxy that speaks it.
  if (scheme(options) == "https" && other.scheme != "https")
    fail("is not https, as this instance is: tokens could be read on their way");
  return other;
}

}  // namespace

std::vector<ServicePort> served(const ServeOptions& options) {
  std::vector<ServicePort> found;
  for (const ServicePort& one : all_services)
    if (&one.service == &operations_service ||
        std::ranges::find(options.services, one.service.name) != options.services.end())
      found.push_back(one);
  return found;
}

std::string scheme(const ServeOptions& options) {
  return options.tls.certificate.empty() ? "http" : "https";
}

void check_access(const ServeOptions& options) {
  if (options.has_access_control() && options.allow_load)
    throw std::runtime_error(
        "--allow-load is not available with access control: the load would buy without a "
        "credential. Leave it out; jangbu load does the same from outside, with an access key");
  if (is_loopback(options.listen) || options.insecure) return;
  const bool tls = !options.tls.certificate.empty();
  if (options.has_access_control() && tls) return;
  throw std::runtime_error(
      "--listen " + options.listen + " lets others in, and there is no " +
      (options.has_access_control() ? "TLS: credentials could be read on their way"
       : tls                        ? "access control: everybody could do everything"
                                    : "access control, nor TLS") +
      ". Give --access-keys or an [issuers.NAME] table in --config for the one, --tls-certificate "
      "and --tls-key for the other; or say --insecure if a proxy in front sees to that");
}

std::shared_ptr<http::Tls> open_tls(const ServeOptions& options) {
  const auto& [certificate, key, client_ca] = options.tls;
  if (certificate.empty() != key.empty())
    throw std::runtime_error("--tls-certificate and --tls-key go together: one is missing");
  if (certificate.empty() && !client_ca.empty())
    throw std::runtime_error(
        "--tls-client-ca asks for client certificates, which needs TLS: --tls-certificate and "
        "--tls-key");
  if (certificate.empty()) return nullptr;
  if (options.allow_load)
    throw std::runtime_error(
        "--allow-load is not available with --tls-certificate: the load would buy over plain HTTP. "
        "Leave it out; jangbu load --tls does the same from outside");
  return std::make_shared<http::Tls>(options.tls);
}

std::string own_address(const ServeOptions& options) {
  if (options.listen == "0.0.0.0") return "127.0.0.1";
  return options.listen == "::" ? "::1" : options.listen;
}

std::vector<Neighbour> neighbours(const ServeOptions& options) {
  std::vector<Neighbour> found = own_places(options);
  for (const std::string& origin : options.cors_origins)
    for (const auto& [service, offset] : all_services)
      if (origin.ends_with(":" + std::to_string(options.port_base + offset)) &&
          !is_in(found, origin))
        found.push_back({std::string(service.name), origin});
  return found;
}

std::vector<std::vector<Neighbour>> instances(const ServeOptions& options) {
  std::vector<std::vector<Neighbour>> found{neighbours(options)};
  for (const std::string& origin : options.other_instances) {
    const OtherInstance other = parse_other(options, origin);
    std::vector<Neighbour> services;
    for (const auto& [service, offset] : all_services)
      services.push_back({std::string(service.name), other.origin(other.name(), offset)});
    for (const Neighbour& service : services)
      if (is_in(found.front(), service.origin))
        throw std::runtime_error("--other-instance " + origin + " is this instance itself, whose " +
                                 service.name + " is at " + service.origin + ": name the others");
    found.push_back(std::move(services));
  }
  return found;
}

PageAccess page_access(const ServeOptions& options) {
  PageAccess found{.on = options.has_access_control()};
  for (const access::Issuer& issuer : options.issuers)
    if (!issuer.login_client.empty())
      found.logins.push_back({issuer.name, issuer.url, issuer.login_client, issuer.audience});
  for (const auto& [service, offset] : all_services)
    for (const Endpoint& endpoint : service.endpoints) {
      const auto id = endpoint.operation.id;
      const auto roles = access::words_of(access::permission_for(id).roles);
      found.operations.push_back({std::string(id), {roles.begin(), roles.end()}});
    }
  return found;
}

http::Cors cors(const ServeOptions& options) {
  std::vector<std::string> origins = options.cors_origins;
  for (Neighbour& place : own_places(options)) origins.push_back(std::move(place.origin));
  for (const std::string& origin : options.other_instances) {
    const OtherInstance other = parse_other(options, origin);
    const std::string& host = other.operations.host;
    for (const std::string& name : is_loopback(host) ? names_here(host) : std::vector{other.name()})
      origins.push_back(other.origin(name));
  }
  return http::Cors(
      {.origins = std::move(origins),
       .request_headers = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, "
                          "Last-Event-ID, X-Request-Id, traceparent",
       .response_headers = "ETag, Event-Position, Idempotent-Replayed, Location, "
                           "RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, "
                           "X-Request-Id",
       .tls = !options.tls.certificate.empty()});
}

http::Hosts hosts(const ServeOptions& options) {
  std::vector<std::string> names = options.allowed_hosts;
  names.insert(names.end(), {"localhost", "127.0.0.1", "::1"});
  return http::Hosts(names);
}

http::Limits limits_of_each(const ServeOptions& options) {
  constexpr std::size_t own_descriptors = 128;
  constexpr std::size_t descriptors_of_worker = 3;  // epoll, its mailbox, its clock
  constexpr std::size_t least_clients = 16;
  http::Limits limits;
  limits.max_connections = options.max_connections;
  rlimit descriptors{};
  if (::getrlimit(RLIMIT_NOFILE, &descriptors) != 0) return limits;
  descriptors.rlim_cur = descriptors.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &descriptors);

  const std::size_t servers = served(options).size();
  const auto bursts =
      options.allow_load ? static_cast<std::size_t>(loadgen::http_bounds.connections.max) : 0;
  const std::size_t own =
      own_descriptors + bursts +
      servers * descriptors_of_worker * static_cast<std::size_t>(options.workers);
  const std::size_t least = own + servers * least_clients;
  if (descriptors.rlim_max < least)
    throw std::runtime_error("the process may open " + std::to_string(descriptors.rlim_max) +
                             " files, and needs " + std::to_string(least) +
                             " at least: raise the limit (ulimit -Hn, or LimitNOFILE of systemd)");
  const std::size_t share = (descriptors.rlim_max - own) / servers;
  limits.max_turned_away = std::min(limits.max_turned_away, share / 16);
  const std::size_t most = share - limits.max_turned_away;
  if (most >= limits.max_connections) return limits;
  log::info("each service takes {} clients, not {}: the process may open {} files (ulimit -Hn)",
            most, limits.max_connections, descriptors.rlim_max);
  limits.max_connections = most;
  return limits;
}

}  // namespace jangbu
