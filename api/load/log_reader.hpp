// Reads a part of the shop's log over HTTP: as a stream, which takes millions of events in their
// stride, and its end in pages, since a stream does not say where the log ends.
//
// Threads: the run's. Errors: those of ShopCalls.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "api/load/shop_calls.hpp"
#include "events/values.hpp"

namespace jangbu::loadgen {

// Server-sent events out of a text that comes in pieces.
class ServerSentEvents {
 public:
  // Calls with the data of each event that is whole, and takes it off the text.
  void take(std::string& text, const std::function<void(std::string_view data)>& event);

 private:
  std::string data_;  // of the event whose end has not come
};

class LogReader {
 public:
  // Of an event as a CloudEvent.
  using OnEvent = std::function<void(EventId, const nlohmann::json&)>;

  explicit LogReader(ShopCalls& calls) : calls_(calls) {}

  // Every event behind `after`, up to the commit `through`, in order and once.
  void read(EventId after, Position through, const OnEvent& on_event);

 private:
  void read_stream(Position through, const OnEvent& on_event);
  void read_pages(Position through, const OnEvent& on_event);
  void pass_on(const nlohmann::json& event, Position through, const OnEvent& on_event);
  std::string url() const { return calls_.url(ShopClient::Service::operations) + "/events"; }

  ShopCalls& calls_;
  EventId read_;  // the last one
};

}  // namespace jangbu::loadgen
