// Messages that an endpoint refused for good, kept for people in a stream of their own. The last
// ones of all endpoints stay there for 30 days, or until they are delivered in a replay.
//
// Threads: any. Errors: Unavailable.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "api/webhooks/nats_link.hpp"
#include "events/values.hpp"

namespace jangbu::webhook {

class Parked {
 public:
  // `log_stream`: the stream SHOP has SHOP_PARKED beside it, which is made for the first message,
  // with so many replicas.
  Parked(NatsLink::Ends& nats, const std::string& log_stream, unsigned replicas,
         const std::string& webhook);

  // It is on disk when this returns. Doing it twice parks it once.
  void add(EventId id, std::string_view message);
  void remove(EventId id);  // whether it is there or not
  std::set<EventId> list();

 private:
  std::string subject(EventId id) const;
  bool try_add(EventId id, std::string_view message);
  void make_stream();

  NatsLink::Ends& nats_;
  const std::string stream_;
  const std::string prefix_;  // of all subjects
  const unsigned replicas_;
  const std::string webhook_;
};

}  // namespace jangbu::webhook
