// The tools of `jangbu events`, as functions of their flags. Each returns its exit status, or
// throws what run_tool() reports.
//
// Threads: only those of the log's connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "api/cli/tool.hpp"
#include "api/log/event_filter.hpp"
#include "infra/eventlog/jetstream_log.hpp"

namespace jangbu::cli {

// The flags of all subcommands; each has some of them.
struct EventsFlags {
  JetStreamOptions log;
  std::string shop;
  bool accept_weak_durability = false;
  std::vector<std::string> types;
  std::string entity;
  std::string actor;
  std::string from;
  std::string to;
  std::string since;
  std::string until;
  std::uint64_t limit = 0;  // 0: no limit
  std::size_t last = 10;
  bool json = false;
  bool gzip = false;
  std::string file;
  std::string place;
  std::string against;
  std::string database = "postgresql://jangbu@127.0.0.1:5432/jangbu";
  std::vector<std::string> accepted;
  std::vector<std::uint64_t> accepted_voids;  // positions
  bool log_only = false;
  unsigned replicas = 0;    // wanted; 0: as it is
  bool every_copy = false;  // of a replicated log
};

EventFilter filter_of(const EventsFlags& flags);

// events_look.cpp
int run_list(const EventsFlags& flags);
int run_show(const EventsFlags& flags);
int run_tail(const EventsFlags& flags);
int run_stats(const EventsFlags& flags);

// events_keep.cpp
int run_export(const EventsFlags& flags);
int run_import(const EventsFlags& flags);
int run_verify(const EventsFlags& flags);

// events_replicas.cpp
int run_replicas(const EventsFlags& flags);
// What is wrong with which copy; reads all of them up to `last`.
std::vector<std::string> compare_copies(JetStreamLog& log, Position last, const StopSignals& stop);

// events_check.cpp
int run_check(const EventsFlags& flags);

}  // namespace jangbu::cli
