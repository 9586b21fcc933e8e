#include "tests/simulation/network.hpp"

#include <algorithm>

#include "tests/simulation/instance.hpp"

namespace jangbu::simulation {

namespace {

constexpr Time usual = 300us;
constexpr double doubled = 0.01;

}  // namespace

void Network::listen(const std::string& subject, std::size_t host, std::weak_ptr<Instance> who) {
  listeners_.emplace(subject, Listener{host, std::move(who)});
}

void Network::no_longer_listen(const std::string& subject, const Instance& who) {
  const auto [first, end] = listeners_.equal_range(subject);
  for (auto one = first; one != end;) {
    const auto there = one->second.who.lock();
    one = !there || there.get() == &who ? listeners_.erase(one) : std::next(one);
  }
}

void Network::publish(std::size_t from, const std::string& subject,
                      std::function<void(Instance&)> deliver, std::function<void()> nobody) {
  world_.after(world_.delay(usual), [=, this] { distribute(from, subject, deliver, nobody); });
}

// At the server.
void Network::distribute(std::size_t from, const std::string& subject,
                         const std::function<void(Instance&)>& deliver,
                         const std::function<void()>& nobody) {
  if (is_lost() || !is_connected(from)) return;
  bool is_anybody = false;
  const auto [first, end] = listeners_.equal_range(subject);
  for (auto one = first; one != end; ++one) {
    const auto& [host, who] = one->second;
    if (who.expired()) continue;
    if (side(host) != side(from)) {
      is_anybody |= world_.now() < interest_until_;
      continue;
    }
    is_anybody = true;
    if (is_lost()) continue;
    for (int times = world_.maybe(doubled) ? 2 : 1; times > 0; --times)
      world_.after(world_.delay(usual), [this, from, host = host, who = who, deliver] {
        const auto there = who.lock();
        if (there && side(from) == side(host)) deliver(*there);
      });
  }
  if (!is_anybody) answer(from, from, nobody);
}

void Network::answer(std::size_t from, std::size_t to, std::function<void()> deliver) {
  world_.after(world_.delay(usual), [this, from, to, deliver = std::move(deliver)] {
    if (side(from) == side(to) && is_connected(to) && !is_lost()) deliver();
  });
}

void Network::cut(std::size_t host) {
  sides_[host] = 1;
  interest_until_ = world_.now() + world_.between(0s, 3s);
}

void Network::use_another_server(std::size_t host) {
  if (both_ && world_.maybe(0.5)) sides_[host] = 0;
}

void Network::mend() {
  std::ranges::fill(sides_, 0U);
}

}  // namespace jangbu::simulation
