#include "api/webhooks/webhooks.hpp"

#include <utility>

#include "infra/log.hpp"

namespace jangbu::webhook {

Webhooks::Webhooks(Options options, std::vector<Endpoint> endpoints)
    : options_(std::move(options)), nats_(options_.nats_url) {
  configure(std::move(endpoints));
}

void Webhooks::stop() {
  stop_.request_stop();
  nats_.close();
  const auto couriers = all();
  for (const CourierPtr& courier : couriers) courier->request_stop();
  for (const CourierPtr& courier : couriers) courier->stop();
}

// A courier stops before the next one of its name starts, as they share a consumer.
void Webhooks::configure(std::vector<Endpoint> endpoints) {
  std::map<std::string, CourierPtr, std::less<>> old;
  {
    const std::lock_guard lock(mutex_);
    old = couriers_;
  }
  std::map<std::string, CourierPtr, std::less<>> kept;
  std::erase_if(endpoints, [&](const Endpoint& endpoint) {
    const auto found = old.find(endpoint.name);
    if (found == old.end() || found->second->endpoint() != endpoint) return false;
    kept.insert(old.extract(found));
    return true;
  });
  {
    const std::lock_guard lock(mutex_);
    couriers_ = kept;
  }
  for (const auto& [name, courier] : old) courier->request_stop();
  for (const auto& [name, courier] : old) courier->stop();
  for (Endpoint& endpoint : endpoints) {
    log::info("webhook {} {}", endpoint.name, old.contains(endpoint.name) ? "changes" : "begins");
    std::string name = endpoint.name;
    auto courier = std::make_shared<Courier>(nats_, std::move(endpoint), options_.courier);
    old.erase(name);
    const std::lock_guard lock(mutex_);
    couriers_.emplace(std::move(name), std::move(courier));
  }
  for (const auto& [name, courier] : old) log::info("webhook {} has ended", name);
}

std::vector<Webhooks::CourierPtr> Webhooks::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<CourierPtr> couriers;
  for (const auto& [name, courier] : couriers_) couriers.push_back(courier);
  return couriers;
}

Webhooks::CourierPtr Webhooks::find(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto found = couriers_.find(name);
  return found == couriers_.end() ? nullptr : found->second;
}

void Webhooks::try_out(Trial trial) {
  trials_.add(
      [trial = std::move(trial), stop = stop_.get_token()](bool wanted) { trial(wanted, stop); });
}

}  // namespace jangbu::webhook
