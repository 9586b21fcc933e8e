// The problems that the server itself answers with, before a request reaches its handler or in the
// handler's place.
#pragma once

#include "api/http/message.hpp"

namespace jangbu::http::problems {

inline constexpr ProblemType malformed_request{400, "malformed-request", "Malformed request"};
inline constexpr ProblemType malformed_target{400, "malformed-target", "Malformed request target"};
inline constexpr ProblemType foreign_origin{403, "foreign-origin", "Foreign origin"};
inline constexpr ProblemType not_found{404, "not-found", "Not found"};
inline constexpr ProblemType method_not_allowed{405, "method-not-allowed", "Method not allowed"};
inline constexpr ProblemType request_timeout{408, "request-timeout", "Request timeout"};
inline constexpr ProblemType length_required{411, "length-required", "Length required"};
inline constexpr ProblemType body_too_large{413, "body-too-large", "Request body too large"};
inline constexpr ProblemType target_too_long{414, "target-too-long", "Request target too long"};
inline constexpr ProblemType unsupported_content_encoding{415, "unsupported-content-encoding",
                                                          "Unsupported content encoding"};
inline constexpr ProblemType expectation_failed{417, "expectation-failed", "Expectation failed"};
inline constexpr ProblemType misdirected_request{421, "misdirected-request", "Misdirected request"};
inline constexpr ProblemType head_too_large{431, "head-too-large", "Request head too large"};
inline constexpr ProblemType internal_error{500, "internal-error", "Internal error"};
inline constexpr ProblemType method_not_implemented{501, "method-not-implemented",
                                                    "Method not implemented"};
inline constexpr ProblemType transfer_coding_not_implemented{501, "transfer-coding-not-implemented",
                                                             "Transfer coding not implemented"};
inline constexpr ProblemType unavailable{503, "unavailable", "Temporarily unavailable"};
inline constexpr ProblemType too_many_connections{503, "too-many-connections",
                                                  "Too many connections"};
inline constexpr ProblemType http_version_not_supported{505, "http-version-not-supported",
                                                        "HTTP version not supported"};

}  // namespace jangbu::http::problems
