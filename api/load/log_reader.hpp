// Reads part of the shop's log over HTTP: most of it as a stream, which copes with millions of
// events, and the end in pages, since a stream does not say where the log ends.
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

// Parses server-sent events from text that arrives in pieces.
class ServerSentEvents {
 public:
  // Calls `event` with the data of each complete event, and removes what it has read from the text.
  void take(std::string& text, const std::function<void(std::string_view data)>& event);

 private:
  std::string data_;  // of the event whose end has not arrived
};

class LogReader {
 public:
  // Receives an event as a CloudEvent.
  using OnEvent = std::function<void(EventId, const nlohmann::json&)>;

  explicit LogReader(ShopCalls& calls) : calls_(calls) {}

  // Reads every event after `after`, up to and including the commit `through`, in order, each once.
  void read(EventId after, Position through, const OnEvent& on_event);

 private:
  void read_stream(Position through, const OnEvent& on_event);
  void read_pages(Position through, const OnEvent& on_event);
  void pass_on(const nlohmann::json& event, Position through, const OnEvent& on_event);

  ShopCalls& calls_;
  EventId read_;  // the last event passed on
};

}  // namespace jangbu::loadgen
