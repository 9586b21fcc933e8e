// A message as JetStream stores it, read through its API.
//
// Threads: one at a time.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace jangbu {

class StoredMessage {
 public:
  // From the `message` of an answer to STREAM.MSG.GET. Throws Corrupt when that is not base64.
  explicit StoredMessage(const nlohmann::json& message);

  std::uint64_t sequence = 0;
  std::string subject;
  std::string time;  // when it was stored, RFC 3339
  std::string data;
  // The value of a header; empty when it is absent.
  std::string_view header(std::string_view name) const;

 private:
  std::string headers_;  // as NATS stores them: "NATS/1.0\r\nName: value\r\n\r\n"
};

}  // namespace jangbu
