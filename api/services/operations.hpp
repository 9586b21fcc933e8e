// What the operations service does, where it takes a file of its own.
//
// Threads: on HTTP workers, and they do not wait. REQUIRES: a backend with operations.
#pragma once

#include "api/services/service.hpp"

namespace jangbu {

// How far the read models are, and rebuilding them.
void list_projections(const Backend& backend, const http::Request& request,
                      const http::Exchange& exchange);
void start_rebuild(const Backend& backend, const http::Request& request,
                   const http::Exchange& exchange);
void show_rebuild(const Backend& backend, const http::Request& request,
                  const http::Exchange& exchange);
void list_parked_rows(const Backend& backend, const http::Request& request,
                      const http::Exchange& exchange);

// A burst of purchases: begun, shown and stopped.
void start_load(const Backend& backend, const http::Request& request,
                const http::Exchange& exchange);
void show_load(const Backend& backend, const http::Request& request,
               const http::Exchange& exchange);
void stop_load(const Backend& backend, const http::Request& request,
               const http::Exchange& exchange);

}  // namespace jangbu
