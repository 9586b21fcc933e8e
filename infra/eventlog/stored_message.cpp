#include "infra/eventlog/stored_message.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "events/errors.hpp"
#include "infra/base64.hpp"

namespace jangbu {

using nlohmann::json;

namespace {

std::string decode_base64(const std::string& text) {
  auto bytes = from_base64(text);
  if (!bytes) throw Corrupt("the server sent a message that is not base64");
  return std::move(*bytes);
}

}  // namespace

StoredMessage::StoredMessage(const json& message)
    : sequence(message.value("seq", std::uint64_t{0})),
      subject(message.value("subject", std::string())),
      time(message.value("time", std::string())),
      data(decode_base64(message.value("data", std::string()))),
      headers_(decode_base64(message.value("hdrs", std::string()))) {}

std::string_view StoredMessage::header(std::string_view name) const {
  const auto start = headers_.find("\r\n" + std::string(name) + ": ");
  if (start == std::string::npos) return {};
  const std::string_view value = std::string_view(headers_).substr(start + 2 + name.size() + 2);
  return value.substr(0, value.find("\r\n"));
}

}  // namespace jangbu
