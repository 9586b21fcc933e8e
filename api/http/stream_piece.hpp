// Bytes for many streams, put into wire format once.
//
// Threads and ownership: an immutable value; copies share the bytes.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace jangbu::http {

class StreamPiece {
 public:
  explicit StreamPiece(std::string_view bytes);

  // As an HTTP/1.1 chunk, or as plain bytes for HTTP/1.0. Empty if the bytes are empty.
  std::string_view wire(bool http_1_0) const;

 private:
  std::shared_ptr<const std::string> chunk_;
  std::size_t at_;  // offset of the bytes in their chunk
  std::size_t size_;
};

}  // namespace jangbu::http
