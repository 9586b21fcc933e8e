// Responses as bytes (RFC 9112).
#pragma once

#include <string>
#include <string_view>

#include "api/http/message.hpp"

namespace jangbu::http {

// What the request and its connection say about the answer's form.
struct WireForm {
  bool without_body = false;  // HEAD: the length is told, the body is not sent
  bool http_1_0 = false;
  bool keep_alive = true;
  std::string_view cors_fields = {};  // of Cors::fields_for()
  std::string_view request_id = {};   // of the connection; empty: none is told
  std::string_view date = {};         // of the worker: when the answer is given
};

// Throws std::invalid_argument when a header field has a line break: that would be two fields.
std::string to_wire(const Response& response, WireForm form);

// The head of a response whose length is not known, with its body as the first piece. Such an
// answer is chunked; to HTTP/1.0 it ends with the connection.
std::string stream_head_to_wire(const Response& head, WireForm form);

// Empty bytes give nothing, since an empty chunk would be the end.
std::string chunk_to_wire(std::string bytes, WireForm form);
std::string_view last_chunk(WireForm form);

}  // namespace jangbu::http
