// Which pages of other origins may use a server. What they may read is the CORS protocol of the
// Fetch standard; but a browser sends some requests without asking first (a POST without a body, or
// that of a form), and only hides the answer. So what a foreign page sends is told from the fields
// that browsers set themselves.
//
// Threads: filled by one thread, then only read, by all workers. What it hands out as a
// string_view lives as long as it does.
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
  };

  Cors() = default;  // none
  explicit Cors(const Options& options);

  bool allows(std::string_view origin) const;

  // Whether a page that is neither of the origin that was called nor allowed has made a browser
  // send this. `host` is what was called, "localhost:11001". What is no browser says nothing of
  // pages.
  bool is_foreign(const Headers& request, std::string_view host) const;

  // The header fields, ready to be sent, of every answer to a request of that origin.
  std::string_view fields_for(std::optional<std::string_view> origin) const;

  // What the answer to OPTIONS says beside: which methods and header fields may be sent.
  std::vector<std::pair<std::string, std::string>> preflight(std::string_view methods) const;

 private:
  std::vector<std::pair<std::string, std::string>> fields_;  // by origin
  std::string fields_of_others_;
  std::string request_headers_;
};

}  // namespace jangbu::http
