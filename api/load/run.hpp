// A burst of purchases on a running shop, over HTTP, and its result. A run opens accounts and lists
// products of its own, buys, waits until everything is settled, and checks that the answers, the
// log and the read model agree.
//
//   LoadRun run(options, {{.port_base = 11000}});
//   run.run();                       // takes its time
//   … run.snapshot() …               // meanwhile, on another thread
//
// Threads: run() once, on any thread; the rest from any, at any time. Errors: run() throws none;
// whatever stopped it is in the snapshot.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/client/http_pool.hpp"
#include "api/client/shop_client.hpp"
#include "api/load/burst.hpp"
#include "api/load/checker.hpp"
#include "api/load/instances.hpp"
#include "api/load/options.hpp"
#include "api/load/shop_calls.hpp"
#include "events/values.hpp"

namespace jangbu::loadgen {

enum class State {
  preparing,
  running,
  settling,
  checking,
  done,     // ran to its end
  stopped,  // on request
  failed,   // could not do its work
};

std::string_view to_string(State state);

// A run's progress.
struct Snapshot {
  State state = State::preparing;
  Options options = {};
  std::string run = {};  // part of the names of its accounts and products
  Timestamp started_at = {};
  std::optional<Timestamp> finished_at = {};
  Figures figures = {};
  std::uint64_t checked = 0;               // events of the log
  std::vector<Invariant> invariants = {};  // empty until they are checked
  std::string reason = {};                 // why it failed, was not checked or left things behind

  bool finished() const { return finished_at.has_value(); }
  bool violated() const;
};

class LoadRun {
 public:
  // `places`: of the shop's instances. REQUIRES: options within `bounds`; at least one place.
  LoadRun(const Options& options, const std::vector<ShopPlace>& places);

  void run();

  // Sends no more. What was sent is still settled and checked.
  void stop() { want(Wish::stop); }
  // Ends as soon as possible: nothing is settled, checked or tidied up.
  void abandon() { want(Wish::abandon); }

  Snapshot snapshot() const;

 private:
  void want(Wish wish);
  void go_to_the_end();
  void go_through(HttpPool& pool, Stage& stage);
  void enter(State state);
  void finish(State state, const std::string& reason);

  const Options options_;
  const std::vector<ShopPlace> places_;
  Instances instances_;
  std::atomic<Wish> wish_ = Wish::go_on;
  mutable std::mutex mutex_;      // guards what follows
  std::optional<HttpPool> pool_;  // while the run lasts
  Snapshot snapshot_;
};

}  // namespace jangbu::loadgen
