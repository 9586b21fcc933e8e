// Responses as bytes (RFC 9112).
#pragma once

#include <string>
#include <string_view>

#include "api/http/message.hpp"

namespace jangbu::http {

// What the request and its connection determine about the form of the answer.
struct WireForm {
  bool without_body = false;  // HEAD: the length is sent, the body is not
  bool http_1_0 = false;
  bool keep_alive = true;
  std::string_view cors_fields = {};  // from Cors::fields_for()
  std::string_view request_id = {};   // owned by the connection; empty: none is sent
  std::string_view date = {};         // owned by the worker: when the answer is given
};

// Throws std::invalid_argument if a header field has a line break, which would make it two fields.
std::string to_wire(const Response& response, WireForm form);

// The head of a response of unknown length, with its body as the first piece. Such an answer is
// chunked; for HTTP/1.0 it ends with the connection.
std::string stream_head_to_wire(const Response& head, WireForm form);

// Returns nothing for empty bytes, since an empty chunk would be the end.
std::string chunk_to_wire(std::string bytes, WireForm form);
std::string_view last_chunk(WireForm form);

}  // namespace jangbu::http
