#include "infra/eventlog/replicas.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "events/errors.hpp"
#include "infra/eventlog/jetstream_api.hpp"
#include "infra/log.hpp"

namespace jangbu {

using namespace std::chrono_literals;
using nlohmann::json;

namespace {

// Servers send each other heartbeats every second, and elect another leader after 4 s without.
constexpr auto lately = 3s;

void require_done(const std::string& stream, const json& answer) {
  if (error_code(answer) != 0) throw Unavailable("stream " + stream + ": " + error_text(answer));
}

// What somebody should know of; empty: nothing.
std::string trouble_of(const Replicas& replicas) {
  std::string all;
  const auto add = [&](const std::string& what) {
    all.append(all.empty() ? "" : "; ").append(what);
  };
  if (!replicas.has_majority()) add("its leader does not hear of a majority");
  for (const Replica& replica : replicas.each) {
    if (!replica.current) add("the copy on " + replica.server + " is not current");
    if (!replica.weakness.empty()) add(replica.weakness);
  }
  return all;
}

}  // namespace

bool Replicas::has_majority() const {
  const auto heard = std::ranges::count_if(
      each, [](const Replica& replica) { return replica.leads || replica.ago < lately; });
  return std::ranges::any_of(each, &Replica::leads) &&
         2 * static_cast<std::size_t>(heard) > each.size();
}

bool Replicas::all_current() const {
  return each.size() == wanted && std::ranges::any_of(each, &Replica::leads) &&
         std::ranges::all_of(each, &Replica::current);
}

bool is_number_of_replicas(std::uint64_t number) {
  return number == 1 || number == 3 || number == 5;
}

Replicas replicas_of(const json& info) {
  const json cluster = info.value("cluster", json::object());
  Replicas replicas{.wanted = info.at("config").value("num_replicas", 1u),
                    .end = {info.at("state").at("last_seq").get<std::uint64_t>()},
                    .made = info.value("created", std::string())};
  if (const auto leader = cluster.value("leader", std::string()); !leader.empty())
    replicas.each.push_back({.server = leader, .leads = true, .current = true});
  for (const json& peer : cluster.value("replicas", json::array())) {
    const std::chrono::nanoseconds ago(peer.value("active", std::int64_t{0}));
    const auto lag = peer.value("lag", std::uint64_t{0});
    replicas.each.push_back(
        {.server = peer.at("name").get<std::string>(),
         .current = peer.value("current", false) && !peer.value("offline", false) && ago < lately,
         .lag = lag,
         .ago = ago});
  }
  std::ranges::sort(replicas.each, {}, &Replica::server);
  return replicas;
}

std::optional<Replicas> find_replicas(JetStreamApi& api, const std::string& stream) {
  const json info = api.call("STREAM.INFO." + stream, nullptr);
  if (error_code(info) == api_error::stream_not_found) return std::nullopt;
  require_done(stream, info);
  return replicas_of(info);
}

void set_replicas(JetStreamApi& api, const std::string& stream, unsigned number) {
  const json info = api.call("STREAM.INFO." + stream, nullptr);
  require_done(stream, info);
  json config = info.at("config");
  if (config.value("num_replicas", 1u) == number) return;
  config["num_replicas"] = number;
  const json answer = api.call("STREAM.UPDATE." + stream, config);
  switch (error_code(answer)) {
    case api_error::no_suitable_peers:
    case api_error::replicas_without_cluster:
      throw Corrupt("stream " + stream + " cannot have " + std::to_string(number) +
                    " replicas: " + error_text(answer) +
                    ". That takes as many nats-servers with JetStream that form a cluster and are "
                    "up (docs/cluster.md)");
    default:
      require_done(stream, answer);
  }
}

ReplicaWatch::ReplicaWatch(Ask ask, std::chrono::milliseconds every)
    : ask_(std::move(ask)),
      every_(every),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

std::optional<Replicas> ReplicaWatch::replicas() const {
  std::lock_guard lock(mutex_);
  if (std::chrono::steady_clock::now() - answered_ > 3 * every_) return std::nullopt;
  return replicas_;
}

void ReplicaWatch::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    try {
      Replicas now = ask_();
      tell(now);
      std::lock_guard lock(mutex_);
      replicas_ = std::move(now);
      answered_ = std::chrono::steady_clock::now();
    } catch (const std::exception&) {
      // Whoever needs the log says why it is away.
    }
    std::unique_lock lock(mutex_);
    stopping_.wait_for(lock, stop, every_, [] { return false; });
  }
}

void ReplicaWatch::tell(const Replicas& now) {
  const std::string trouble = trouble_of(now);
  if (trouble == told_) return;
  if (trouble.empty())
    log::info("all copies of the event log are well again");
  else
    log::warn("the copies of the event log: {}", trouble);
  told_ = trouble;
}

}  // namespace jangbu
