// An AsyncAPI 3.0 document of the public events
// (https://www.asyncapi.com/docs/reference/specification/v3.0.0): where they are, and how each
// looks. Its payloads are the schemas of schemas/; the rest of what is written by hand is in
// asyncapi.json.
//
// Threads: pure functions.
#pragma once

#include <string>

namespace jangbu {

struct AsyncApiOptions {
  std::string shop;
  std::string nats_url;  // as configured; its credentials are not shown
  std::string stream;    // the public stream
};

// JSON.
std::string asyncapi_document(const AsyncApiOptions& options);

}  // namespace jangbu
