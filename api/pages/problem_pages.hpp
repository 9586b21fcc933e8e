// Where the `type` of a problem leads: /problems/<code> explains it, to people as a page, to
// machines as JSON.
//
// Threads: made by one thread; the handler runs on HTTP workers.
#pragma once

#include "api/http/router.hpp"

namespace jangbu {

// For a route with {code}. Unknown codes get 404.
http::Handler serve_problems();

}  // namespace jangbu
