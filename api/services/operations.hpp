// Handlers of the operations service that have files of their own.
//
// Threads: on HTTP workers; they do not wait. REQUIRES: a backend with operations.
#pragma once

#include "api/services/service.hpp"

namespace jangbu {

// The progress of the read models, and rebuilding them.
void list_projections(const Backend& backend, const http::Request& request,
                      const http::Exchange& exchange);
void start_rebuild(const Backend& backend, const http::Request& request,
                   const http::Exchange& exchange);
void show_rebuild(const Backend& backend, const http::Request& request,
                  const http::Exchange& exchange);
void list_parked_rows(const Backend& backend, const http::Request& request,
                      const http::Exchange& exchange);

// A burst of purchases: starting, showing and stopping it.
void start_load(const Backend& backend, const http::Request& request,
                const http::Exchange& exchange);
void show_load(const Backend& backend, const http::Request& request,
               const http::Exchange& exchange);
void stop_load(const Backend& backend, const http::Request& request,
               const http::Exchange& exchange);

// The webhooks of this process.
void list_webhooks(const Backend& backend, const http::Request& request,
                   const http::Exchange& exchange);
void show_webhook(const Backend& backend, const http::Request& request,
                  const http::Exchange& exchange);
void pause_webhook(const Backend& backend, const http::Request& request,
                   const http::Exchange& exchange);
void resume_webhook(const Backend& backend, const http::Request& request,
                    const http::Exchange& exchange);
void replay_webhook(const Backend& backend, const http::Request& request,
                    const http::Exchange& exchange);
void test_webhook(const Backend& backend, const http::Request& request,
                  const http::Exchange& exchange);

}  // namespace jangbu
