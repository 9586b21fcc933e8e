#include "api/load/instances.hpp"

#include <algorithm>
#include <utility>

#include "api/client/certainty.hpp"

namespace jangbu::loadgen {

using namespace std::chrono_literals;

Instances::Instances(const std::vector<ShopPlace>& places, std::chrono::milliseconds left_alone)
    : left_alone_(left_alone) {
  for (const ShopPlace& place : places) all_.push_back({ShopClient(place, 30s)});
}

std::string Instances::url(std::size_t instance, Service service) const {
  return all_[instance].client.url(service);
}

void Instances::send(HttpPool& pool, const Request& request, HttpPool::Callback callback) {
  const auto now = Clock::now();
  // If none is to be asked, the turn decides.
  for (std::size_t i = 0; i < all_.size() && !all_[next_].is_to_ask(now); ++i)
    next_ = (next_ + 1) % all_.size();
  const std::size_t instance = std::exchange(next_, (next_ + 1) % all_.size());
  send_to(instance, pool, request, std::move(callback));
}

void Instances::send_to(std::size_t instance, HttpPool& pool, const Request& request,
                        HttpPool::Callback callback) {
  pool.send({.method = request.method,
             .url = url(instance, request.service) + request.path,
             .body = request.body,
             .fields = request.fields,
             .timeout = request.timeout,
             .on_body = request.on_body},
            [this, instance, callback = std::move(callback)](HttpPool::Answer answer) {
              all_[instance].alone_until =
                  is_away(answer) ? Clock::now() + left_alone_ : Clock::time_point();
              callback(std::move(answer));
            });
}

bool Instances::has_one_to_ask() const {
  return std::ranges::any_of(
      all_, [now = Clock::now()](const Instance& instance) { return instance.is_to_ask(now); });
}

bool Instances::is_away(const HttpPool::Answer& answer) {
  return answer.status == 0 || (answer.status == 503 && code_of(answer.body) == "not-ready");
}

}  // namespace jangbu::loadgen
