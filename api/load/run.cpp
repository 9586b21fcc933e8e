#include "api/load/run.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include "infra/ids.hpp"
#include "infra/loopback.hpp"

namespace jangbu::loadgen {

namespace {

// Short and unique: the random half of a UUID.
std::string new_name() {
  return jangbu::to_string(new_uuid()).substr(24);
}

void add(std::string& reason, const std::string& more) {
  if (!more.empty()) reason += (reason.empty() ? "" : "; ") + more;
}

}  // namespace

std::string_view to_string(State state) {
  switch (state) {
    case State::preparing:
      return "preparing";
    case State::running:
      return "running";
    case State::settling:
      return "settling";
    case State::checking:
      return "checking";
    case State::done:
      return "done";
    case State::stopped:
      return "stopped";
    case State::failed:
      return "failed";
  }
  return "";
}

bool Snapshot::violated() const {
  return std::ranges::any_of(invariants, [](const Invariant& one) { return !one.ok; });
}

LoadRun::LoadRun(const Options& options, const std::vector<ShopPlace>& places)
    : options_(options),
      places_(places),
      instances_(places),
      snapshot_{.options = options, .run = new_name(), .started_at = system_now()} {}

void LoadRun::run() {
  try {
    const std::unique_lock lock(mutex_);
    // Whether a credential may go to them depends on who is furthest away.
    const auto& furthest = *std::ranges::max_element(
        places_, {}, [](const ShopPlace& place) { return !is_loopback(place.host); });
    pool_.emplace(static_cast<std::size_t>(options_.connections), furthest);
  } catch (const std::exception& error) {
    return finish(State::failed, error.what());
  }
  go_to_the_end();
}

void LoadRun::go_to_the_end() {
  ShopCalls calls(*pool_, instances_, wish_);
  Stage stage(calls, snapshot().run);
  std::string reason;
  bool failed = false;
  try {
    try {
      go_through(*pool_, stage);
    } catch (const std::exception& error) {
      failed = true;
      reason = error.what();
      pool_->drop();  // the callbacks' targets are gone
    }
    if (!options_.keep) add(reason, stage.tidy_up());
  } catch (const Abandoned&) {
    return finish(State::stopped, "it was given up, and not checked");
  } catch (const std::exception& error) {
    add(reason, error.what());
  }
  finish(failed ? State::failed : wish_ == Wish::stop ? State::stopped : State::done, reason);
}

void LoadRun::go_through(HttpPool& pool, Stage& stage) {
  const Plan plan(options_);
  stage.prepare(options_, plan);

  const Burst* shown = nullptr;
  const auto show = [&] {
    const std::lock_guard lock(mutex_);
    snapshot_.figures = shown->figures();
  };
  Burst burst(pool, instances_, plan, stage, wish_, show);
  shown = &burst;
  enter(State::running);
  burst.send(std::chrono::seconds(options_.seconds));
  enter(State::settling);
  burst.settle();
  show();

  enter(State::checking);
  stage.look_at_stock();
  Checker checker(burst.attempts(), stage.products());
  stage.read_log(checker, [&](std::uint64_t events) {
    const std::lock_guard lock(mutex_);
    snapshot_.checked = events;
  });
  auto invariants = checker.finish();
  const std::lock_guard lock(mutex_);
  snapshot_.invariants = std::move(invariants);
}

void LoadRun::want(Wish wish) {
  Wish before = wish_;
  while (before < wish && !wish_.compare_exchange_weak(before, wish)) {
  }
  const std::lock_guard lock(mutex_);
  if (pool_) pool_->wake();
}

void LoadRun::enter(State state) {
  const std::lock_guard lock(mutex_);
  snapshot_.state = state;
}

void LoadRun::finish(State state, const std::string& reason) {
  const std::lock_guard lock(mutex_);
  snapshot_.state = state;
  snapshot_.reason = reason;
  snapshot_.finished_at = system_now();
  pool_.reset();  // closes the connections
}

Snapshot LoadRun::snapshot() const {
  const std::lock_guard lock(mutex_);
  return snapshot_;
}

}  // namespace jangbu::loadgen
