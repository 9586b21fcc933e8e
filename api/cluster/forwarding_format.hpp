// The bytes of forwarded commands and of their answers: HTTP, since that is the contract that two
// builds share, but in a form that costs little to make and to read.
//
//     message := version:byte members count:u32 item*
//     item    := number:u32 members body:text
//     members := count:u32 (name:text value:text)*
//     text    := size:u32 bytes                          numbers are little-endian
//
// One message carries what had gathered, an item for each request; an answer's items have the
// numbers of the requests that they answer, and there may be several messages with answers to one.
// The members of an item are the header fields, and what HTTP has in its first line, or we add to
// it, under names that no field can have:
//
//     of a request   :service :method :target, :row (a row of an import, with this line number),
//                    and of who asks, where somebody is known, :principal :name :roles :carrier
//     of an answer   :status :type (its Content-Type)
//
// The message has :at, when it was sent (milliseconds since 1970). An answer without items may have
// :undone, why nothing of what it answers was done: `not-active`, `clock`.
//
// Whoever reads passes over members that it does not know. What cannot be understood without them
// is another version: its number is all that is read of it, and nothing of it is carried out.
//
// Threads: pure functions. What is read are views into the bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "api/http/message.hpp"
#include "commands/principal.hpp"
#include "events/values.hpp"

namespace jangbu::cluster {

inline constexpr std::uint8_t format_version = 1;

// --- Writing -------------------------------------------------------------------------------------

struct RequestParts {
  std::string_view service;  // "account"
  const http::Request& request;
  std::string_view body;  // instead of the request's
  const Principal& asker;
  std::optional<std::uint64_t> row = {};
};

// An item without its number.
std::string request_item(const RequestParts& parts);
std::string answer_item(const http::Response& response);

// Puts a message together.
class MessageWriter {
 public:
  using Members = std::vector<std::pair<std::string_view, std::string>>;

  explicit MessageWriter(const Members& members);

  void add(std::uint32_t number, std::string_view item);
  std::size_t size() const { return bytes_.size(); }
  std::string take() &&;

 private:
  std::string bytes_;
  std::size_t count_at_;
  std::uint32_t count_ = 0;
};

// --- Reading -------------------------------------------------------------------------------------

class Members {
 public:
  std::optional<std::string_view> find(std::string_view name) const;
  std::optional<std::uint64_t> number(std::string_view name) const;

  std::vector<http::Headers::Field> fields;
};

struct Item {
  std::uint32_t number = 0;
  Members members;
  std::string_view body;
};

struct Message {
  Members members;
  std::vector<Item> items;
};

// Written by a build that speaks another version.
struct OtherVersion {
  std::uint8_t version;
};

// nullopt: it is not a message.
std::optional<std::variant<Message, OtherVersion>> read_message(std::string_view bytes);

struct ForwardedRequest {
  std::string_view service;
  http::Request request;           // with its path and query; without a route's parameters
  std::optional<Principal> asker;  // nullopt: nobody known
  std::optional<std::uint64_t> row;
};

// nullopt: it is not a request.
std::optional<ForwardedRequest> read_request(const Item& item);
std::optional<http::Response> read_answer(const Item& item);

}  // namespace jangbu::cluster
