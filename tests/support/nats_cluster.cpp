#include "tests/support/nats_cluster.hpp"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <stdexcept>

#include "events/errors.hpp"
#include "infra/eventlog/jetstream_api.hpp"
#include "infra/eventlog/nats_connection.hpp"

namespace jangbu::test {

using nlohmann::json;

namespace {

// Elections take up to 9 s each, and a server that was killed is a while in coming back.
constexpr auto patience = 120s;

// What the API says to this call on one server; nothing when it does not answer.
std::optional<json> ask(const NatsServer& server, const std::string& what) {
  try {
    NatsConnection connection(server.url(), "test", 1s);
    auto answer = JetStreamApi(connection, 2s).try_call(what, nullptr);
    return answer && error_code(*answer) == 0 ? answer : std::nullopt;
  } catch (const Unavailable&) {
    return std::nullopt;
  }
}

// Whether its leader has heard of this copy's server lately. Of one that was cut off a leader says
// `current` for some seconds more.
bool is_heard(const json& copy) {
  return copy.value("current", false) && copy.value("active", std::int64_t{0}) < 2'500'000'000;
}

json copies_of(const json& info) {
  return info.value(json::json_pointer("/cluster/replicas"), json::array());
}

bool has_majority(const json& info) {
  const json copies = copies_of(info);
  return 2 * (1 + std::ranges::count_if(copies, is_heard)) >
         1 + static_cast<std::ptrdiff_t>(copies.size());
}

}  // namespace

NatsCluster::NatsCluster(const Options& options, std::size_t first) {
  const int first_port = free_port_base();
  const auto port = [&](std::size_t i) { return first_port + static_cast<int>(i); };
  for (std::size_t from = 0; from < size; ++from)
    for (std::size_t to = 0; to < size; ++to)
      if (from != to) ways_[from][to] = std::make_unique<TcpProxy>(port(to));
  for (std::size_t i = 0; i < size; ++i) {
    std::ostringstream extra;
    // Servers tell each other where others are, which would lead around the proxies: what is
    // advertised leads nowhere. And they tell clients, which would lead around a proxy of a test's:
    // no_advertise.
    extra << options.extra << "\nserver_name: " << name(i)
          << "\ncluster {\n  name: test\n  listen: \"127.0.0.1:" << port(i)
          << "\"\n  advertise: \"127.0.0.1:1\"\n  no_advertise: true\n  pool_size: -1\n  routes: [";
    for (std::size_t to = 0; to < size; ++to)
      if (i != to) extra << "\n    \"nats://127.0.0.1:" << ways_[i][to]->port() << '"';
    extra << "\n  ]\n}";
    members_[i].options = options;
    members_[i].options.extra = extra.str();
  }
  for (std::size_t i = 0; i < first; ++i) start(i);
  for (std::size_t i = 0; i < first; ++i) wait_ready(i);
}

void NatsCluster::wait_ready(std::size_t index) const {
  wait_until(
      "JetStream on " + name(index),
      [&] { return ask(*members_[index].server, "INFO").has_value(); }, patience);
}

std::size_t NatsCluster::index_of(const std::string& wanted) {
  for (std::size_t i = 0; i < size; ++i)
    if (name(i) == wanted) return i;
  throw std::runtime_error("there is no server " + wanted);
}

std::string NatsCluster::urls() const {
  std::string all;
  for (const Member& member : members_)
    if (member.server) all += (all.empty() ? "" : ",") + member.server->url();
  return all;
}

std::string NatsCluster::monitor_urls() const {
  std::string all;
  for (const Member& member : members_)
    if (member.server) all += (all.empty() ? "" : ",") + member.server->monitor_url();
  return all;
}

void NatsCluster::kill(std::size_t index) {
  members_.at(index).server->kill();
  members_[index].is_up = false;
}

void NatsCluster::stop(std::size_t index) {
  members_.at(index).server->stop();
  members_[index].is_up = false;
}

void NatsCluster::start(std::size_t index) {
  Member& member = members_.at(index);
  if (member.server)
    member.server->start();
  else
    member.server = std::make_unique<NatsServer>(member.options);
  member.is_up = true;
}

void NatsCluster::pause(std::size_t index) {
  members_.at(index).server->pause();
  members_[index].is_up = false;
}

void NatsCluster::resume(std::size_t index) {
  members_.at(index).server->resume();
  members_[index].is_up = true;
}

template <class Do>
void NatsCluster::with_ways_of(std::size_t index, Do what) {
  for (std::size_t other = 0; other < size; ++other) {
    if (other == index) continue;
    what(*ways_[index][other], other);
    what(*ways_[other][index], other);
  }
}

void NatsCluster::isolate(std::size_t index) {
  members_.at(index).is_isolated = true;
  with_ways_of(index, [](TcpProxy& way, std::size_t) {
    way.set_mute(true);
    way.hold_requests();
  });
}

void NatsCluster::heal(std::size_t index) {
  members_.at(index).is_isolated = false;
  with_ways_of(index, [&](TcpProxy& way, std::size_t other) {
    if (members_[other].is_isolated) return;
    way.cut();
    way.set_mute(false);
  });
}

bool NatsCluster::is_reachable(std::size_t index) const {
  return members_[index].is_up && !members_[index].is_isolated;
}

std::size_t NatsCluster::leader_of(const std::string& stream) {
  std::size_t leader = size;
  wait_until(
      "a leader of " + stream,
      [&] {
        for (std::size_t i = 0; i < size && leader == size; ++i) {
          if (!is_reachable(i)) continue;
          const auto info = ask(*members_[i].server, "STREAM.INFO." + stream);
          if (!info || !has_majority(*info)) continue;
          const auto named = info->value(json::json_pointer("/cluster/leader"), std::string());
          if (!named.empty() && is_reachable(index_of(named))) leader = index_of(named);
        }
        return leader < size;
      },
      patience);
  return leader;
}

void NatsCluster::wait_current(const std::string& stream) {
  wait_until(
      "the copies of " + stream,
      [&] {
        const auto info = ask(server(leader_of(stream)), "STREAM.INFO." + stream);
        if (!info) return false;
        return std::ranges::all_of(copies_of(*info), [&](const json& copy) {
          return !is_reachable(index_of(copy.at("name"))) ||
                 (is_heard(copy) && copy.value("lag", 0) == 0);
        });
      },
      patience);
}

}  // namespace jangbu::test
