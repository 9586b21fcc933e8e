// The instances of the shop under load. Requests take turns among those that answer: one that is
// away, or not ready, is left alone for a while.
//
// Threads: the run's.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "api/client/http_pool.hpp"
#include "api/client/shop_client.hpp"

namespace jangbu::loadgen {

class Instances {
 public:
  using Service = ShopClient::Service;

  struct Request {
    Service service = Service::operations;
    std::string method = "GET";
    std::string path;
    std::string body = {};  // this and what follows: as HttpPool's
    std::vector<std::string> fields = {};
    std::chrono::milliseconds timeout{30'000};
    std::function<bool(std::string_view)> on_body = {};
  };

  // REQUIRES: at least one.
  explicit Instances(const std::vector<ShopPlace>& places,
                     std::chrono::milliseconds left_alone = std::chrono::seconds(1));

  std::size_t count() const { return all_.size(); }
  std::string url(std::size_t instance, Service service) const;

  // As HttpPool::send(), to the instance whose turn it is.
  void send(HttpPool& pool, const Request& request, HttpPool::Callback callback);
  void send_to(std::size_t instance, HttpPool& pool, const Request& request,
               HttpPool::Callback callback);

  // Whether one has answered, or has not been asked lately: what another could not do, it may.
  bool has_one_to_ask() const;

  // Whether this answer says that its instance is away or not ready.
  static bool is_away(const HttpPool::Answer& answer);

 private:
  using Clock = HttpPool::Clock;

  struct Instance {
    ShopClient client;
    Clock::time_point alone_until{};

    bool is_to_ask(Clock::time_point now) const { return alone_until <= now; }
  };

  const std::chrono::milliseconds left_alone_;
  std::vector<Instance> all_;
  std::size_t next_ = 0;
};

}  // namespace jangbu::loadgen
