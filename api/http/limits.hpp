// How much a client may ask of the server, and how long it may take.
#pragma once

#include <chrono>
#include <cstddef>

namespace jangbu::http {

inline constexpr std::size_t kib = 1024;
inline constexpr std::size_t mib = 1024 * kib;

struct Limits {
  std::size_t head_bytes = 8 * kib;              // request line and header fields: 431 beyond
  std::size_t target_bytes = 2048;               // 414
  std::size_t header_count = 64;                 // 431
  std::size_t body_bytes = 64 * kib;             // 413
  std::size_t streamed_body_bytes = 64 * mib;    // 413, for routes that take the body in pieces
  std::size_t stream_backlog_bytes = 256 * kib;  // a streaming client that leaves more is cut off

  std::chrono::milliseconds handshake_timeout{5000};  // of TLS, from its beginning to its end
  std::chrono::milliseconds header_timeout{5000};  // from the first byte of a head to its last: 408
  std::chrono::milliseconds body_timeout{10000};   // from there to the last byte of the body, or
                                                   // to the next piece of it: 408
  std::size_t body_bytes_per_second = 16 * kib;    // of a body in pieces: a slower one uses up its
                                                   // time for the next piece
  std::chrono::milliseconds idle_timeout{60000};   // between requests
  std::chrono::milliseconds write_timeout{10000};  // without the client taking a byte
  std::size_t answer_bytes_per_second = kib;       // of an answer; a slower reader uses up its time

  std::size_t max_connections = 10'000;
  std::size_t max_turned_away = 1'000;  // beyond those: answered with 503 and closed
  std::size_t max_handshakes = 1'000;   // of TLS, on a worker: beyond, the longest one is cut off
  int backlog = 4096;                   // of the kernel's queue for more; the system may cap it
};

}  // namespace jangbu::http
