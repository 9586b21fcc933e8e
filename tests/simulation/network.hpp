// What instances send each other by way of NATS: messages on subjects, and answers. They are lost,
// late, doubled, they overtake each other. Who asks where nobody listens is told so.
//
// The hosts may be cut apart into two sides. With one server, it is on side 0, and side 1 has no
// connection at all; with three, each side has some.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/simulation/world.hpp"

namespace jangbu::simulation {

class Instance;

class Network {
 public:
  Network(World& world, std::size_t hosts, bool has_servers_on_both_sides, double loss)
      : world_(world), sides_(hosts), both_(has_servers_on_both_sides), loss_(loss) {}

  unsigned side(std::size_t host) const { return sides_[host]; }
  bool is_connected(std::size_t host) const { return both_ || side(host) == 0; }
  bool is_lost() { return world_.maybe(loss_); }

  void listen(const std::string& subject, std::size_t host, std::weak_ptr<Instance> who);
  void no_longer_listen(const std::string& subject, const Instance& who);

  // `deliver` happens at whoever listens, or `nobody` at the sender if nobody does.
  void publish(std::size_t from, const std::string& subject, std::function<void(Instance&)> deliver,
               std::function<void()> nobody);
  void answer(std::size_t from, std::size_t to, std::function<void()> deliver);

  void cut(std::size_t host);  // goes to side 1
  void use_another_server(std::size_t host);
  void mend();
  void set_loss(double loss) { loss_ = loss; }

 private:
  struct Listener {
    std::size_t host;
    std::weak_ptr<Instance> who;
  };

  void distribute(std::size_t from, const std::string& subject,
                  const std::function<void(Instance&)>& deliver,
                  const std::function<void()>& nobody);

  World& world_;
  std::vector<unsigned> sides_;
  const bool both_;
  double loss_;
  Time interest_until_{0};  // so long one side knows of the other's listeners
  std::multimap<std::string, Listener> listeners_;
};

}  // namespace jangbu::simulation
