// What a handler sees of HTTP: a request, already checked and decoded, and the response to it.
//
// Threads and ownership: plain values. A Request is only moved, never copied; every string_view it
// returns lives as long as the Request (parameter names: as long as the Router).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/http/ip_address.hpp"

namespace jangbu::http {

enum class Method { get, head, post, put, patch, delete_, options };

std::string_view to_string(Method method);

// The header fields of a request in the order received, in one block of memory. Names are compared
// case-insensitively (RFC 9110, 5.1).
class Headers {
 public:
  struct Field {
    std::string_view name;
    std::string_view value;
  };

  void reserve(std::size_t fields, std::size_t bytes);
  void add(std::string_view name, std::string_view value);

  // The value of the first field of that name.
  std::optional<std::string_view> find(std::string_view name) const;

  std::size_t size() const { return spans_.size(); }
  Field operator[](std::size_t index) const;

 private:
  struct Span {
    std::uint32_t at, name_size, value_size;  // the value follows the name
  };
  std::string text_;
  std::vector<Span> spans_;
};

struct Request {
  Request() = default;
  Request(Request&&) = default;
  Request& operator=(Request&&) = default;
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  IpAddress peer;  // at the other end of the connection: the client, or a proxy
  Method method = Method::get;
  std::string target;                 // as sent, "/accounts/%ED%99%8D?limit=2"
  std::vector<std::string> segments;  // of the path: split on '/', then decoded; "/" has none
  std::vector<std::pair<std::string, std::string>> query;  // decoded, in order, with repetitions
  Headers headers;
  std::string body;
  std::vector<std::pair<std::string_view, std::size_t>> parameters;  // name, index of the segment

  std::optional<std::string_view> header(std::string_view name) const { return headers.find(name); }

  // The first value of that name in the query.
  std::optional<std::string_view> query_value(std::string_view name) const;

  // The path segment in the place of {name} in the route's pattern. REQUIRES: the pattern has
  // {name}.
  std::string_view param(std::string_view name) const;
};

// Content-Length, Connection and the like are the server's business, not the handler's.
struct Response {
  int status = 200;
  std::string content_type = {};  // empty when there is no body
  std::string body = {};
  std::vector<std::pair<std::string, std::string>> headers = {};
};

// What all problems of a kind have in common. `code` is kebab-case and stable.
struct ProblemType {
  int status;
  std::string_view code;
  std::string_view title;
};

// An RFC 9457 problem. Its `type` is "/problems/<code>".
Response problem(const ProblemType& type, std::string_view detail);

// The problem a client gets when we have a bug: it reveals nothing of what went wrong.
Response internal_error();

}  // namespace jangbu::http
