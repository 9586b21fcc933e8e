// Bytes for many streams, brought into the form of the wire once.
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

  // As a chunk of HTTP/1.1, or plain as HTTP/1.0 has it. Empty when the bytes are.
  std::string_view wire(bool http_1_0) const;

 private:
  std::shared_ptr<const std::string> chunk_;
  std::size_t at_;  // of the bytes in their chunk
  std::size_t size_;
};

}  // namespace jangbu::http
