// Which pages of other origins may use a server. The CORS protocol of the Fetch standard governs
// what they may read; but a browser sends some requests without asking first (a POST without a
// body, or with that of a form), and only hides the answer. So requests from foreign pages are
// recognised by the fields that browsers set themselves.
//
// Threads: filled by one thread, then only read, by all workers. The string_views it returns live
// as long as it does.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/http/message.hpp"

namespace jangbu::http {

class Cors {
 public:
  struct Options {
    std::vector<std::string> origins;  // as browsers send them: "http://127.0.0.1:11001"
    std::string request_headers;       // that such pages may send: "Content-Type, If-Match"
    std::string response_headers;      // that such pages may read
    bool tls = false;  // the server itself speaks TLS: a page of its own came over https
  };

  Cors() = default;  // allows none
  explicit Cors(const Options& options);

  bool allows(std::string_view origin) const;

  // Whether a browser sent this request for a page that is neither allowed nor from the origin that
  // was called. `host` is what was called, "localhost:11001". Clients other than browsers send no
  // such fields and are never foreign.
  bool is_foreign(const Headers& request, std::string_view host) const;

  // The header fields, ready to send, for every answer to a request from that origin.
  std::string_view fields_for(std::optional<std::string_view> origin) const;

  // What the answer to OPTIONS adds: which methods and header fields may be sent.
  std::vector<std::pair<std::string, std::string>> preflight(std::string_view methods) const;

 private:
  std::vector<std::pair<std::string, std::string>> fields_;  // by origin
  std::string fields_of_others_;
  std::string request_headers_;
  bool tls_ = false;
};

}  // namespace jangbu::http
