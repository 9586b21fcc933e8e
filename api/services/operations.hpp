// Handlers of the operations service that have files of their own.
//
// Threads: on HTTP workers; they do not wait. REQUIRES: a backend with operations.
#pragma once

#include "api/services/service.hpp"

namespace jangbu {

// The progress of the read models, and rebuilding them.
void list_projections(const Call& call);
void start_rebuild(const Call& call);
void show_rebuild(const Call& call);
void list_parked_rows(const Call& call);

// Makes another instance the active one.
void hand_over_writer(const Call& call);

// A burst of purchases: starting, showing and stopping it.
void start_load(const Call& call);
void show_load(const Call& call);
void stop_load(const Call& call);

// The webhooks of this process.
void list_webhooks(const Call& call);
void show_webhook(const Call& call);
void pause_webhook(const Call& call);
void resume_webhook(const Call& call);
void replay_webhook(const Call& call);
void test_webhook(const Call& call);

}  // namespace jangbu
