// Requests to the shop under load, one after another or many at once, each waited for.
//
// Threads: the run's. Errors: LoadFailed when the shop does not do what the run needs; Abandoned
// once the run is abandoned.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "api/client/http_pool.hpp"
#include "api/load/instances.hpp"

namespace jangbu::loadgen {

// What others ask of a run.
enum class Wish {
  go_on,
  stop,     // send no more; settle, check and tidy up
  abandon,  // end now
};

struct Abandoned {};

// A run cannot do its work. The text says what to do.
class LoadFailed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class ShopCalls {
 public:
  using Request = Instances::Request;
  using Answer = HttpPool::Answer;

  // All arguments must outlive it.
  ShopCalls(HttpPool& pool, Instances& instances, const std::atomic<Wish>& wish)
      : pool_(pool), instances_(instances), wish_(wish) {}

  // Throws LoadFailed unless something answers on the port of each service that a run needs, at
  // every instance.
  void require_services();

  // Returns the answer if its status is 200. Temporary failures (5xx, 408, 429, no answer) are
  // retried for half a minute, as Retry-After says unless there is another instance to ask.
  // REQUIRES: an idempotent request.
  Answer insist(const Request& request);

  // What a piece of a stream held: heartbeats are nothing.
  enum class Took { nothing, some, enough };

  // Sends, and passes the body received and not yet taken to `take` until it returns `enough` or
  // the answer ends; returns how it ended. Returns nothing after `enough`, or when nothing came for
  // half a minute. REQUIRES: no other request is in flight.
  std::optional<Answer> stream(Request request, const std::function<Took(std::string&)>& take);

  // Sends all of them, as many at a time as there are connections. Every answer is passed on,
  // whatever its status, with the index of its request.
  void each(const std::vector<Request>& requests,
            const std::function<void(std::size_t, const Answer&)>& answered);

  // The same, but temporary failures are retried for this long.
  void each(const std::vector<Request>& requests, std::chrono::seconds patience,
            const std::function<void(std::size_t, const Answer&)>& answered);

  // Waits while the pool keeps working.
  void pause(std::chrono::milliseconds time);

 private:
  Answer call(const Request& request);
  Answer call(std::size_t instance, const Request& request);
  Answer await(const std::shared_ptr<std::optional<Answer>>& answer);
  std::chrono::milliseconds before_retry(const Answer& answer) const;
  void wait(HttpPool::Clock::time_point until);

  HttpPool& pool_;
  Instances& instances_;
  const std::atomic<Wish>& wish_;
};

// What went wrong, for people: the status and the problem's detail, or why there is no answer.
std::string reason_of(const HttpPool::Answer& answer);

}  // namespace jangbu::loadgen
