// Gets a document over HTTP, with libcurl.
//
// Threads: any; a stop may be requested from another. Errors: std::runtime_error, which says for
// people why there is no document, and never repeats what was sent.
#pragma once

#include <chrono>
#include <cstddef>
#include <stop_token>
#include <string>

namespace jangbu::access {

struct FetchLimits {
  std::chrono::milliseconds timeout{5'000};  // from resolving the name to the last byte
  std::size_t max_bytes = 256 * 1024;
};

// The body of an answer with status 200. Redirects are not followed, and the environment's proxies
// not used. `authorities`: certificates (PEM) to trust; empty: the system's. REQUIRES:
// may_fetch(url).
std::string fetch(const std::string& url, const std::string& authorities, const FetchLimits& limits,
                  const std::stop_token& stop);

}  // namespace jangbu::access
