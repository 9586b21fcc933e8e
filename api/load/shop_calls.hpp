// Requests to the shop that is loaded, one after the other or many at once, each waited for.
//
// Threads: the run's. Errors: LoadFailed when the shop does not do what the run needs of it;
// Abandoned once the run is given up.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "api/client/http_pool.hpp"
#include "api/client/shop_client.hpp"

namespace jangbu::loadgen {

// What others want of a run.
enum class Wish {
  go_on,
  stop,     // send no more; settle, check and tidy up
  abandon,  // end now
};

struct Abandoned {};

// What keeps a run from its task. The text says what to do.
class LoadFailed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class ShopCalls {
 public:
  using Request = HttpPool::Request;
  using Answer = HttpPool::Answer;

  // All must outlive it.
  ShopCalls(HttpPool& pool, const ShopClient& shop, const std::atomic<Wish>& wish)
      : pool_(pool), shop_(shop), wish_(wish) {}

  std::string url(ShopClient::Service service) const { return shop_.url(service); }

  // LoadFailed unless something answers at the port of each service that a run needs.
  void require_services();

  // The answer, if its status is 200. What is only not possible now (503, no answer) is tried again
  // for half a minute, as Retry-After says. REQUIRES: doing it twice is doing it once.
  Answer insist(const Request& request);

  // What was in a part of a stream: heartbeats are nothing.
  enum class Took { nothing, some, enough };

  // Sends, and passes on what came of the answer's body and was not taken yet, until `take` says
  // that it is enough or the answer ends; then how it ended. Nothing when it was enough, or when
  // there was nothing for half a minute. REQUIRES: nothing else is under way.
  std::optional<Answer> stream(Request request, const std::function<Took(std::string&)>& take);

  // All of them, as many at a time as there are connections. Whatever the answer is, it is passed
  // on, with the number of its request.
  void each(const std::vector<Request>& requests,
            const std::function<void(std::size_t, const Answer&)>& answered);

  // The same, but what is temporarily not possible is retried for this long.
  void each(const std::vector<Request>& requests, std::chrono::seconds patience,
            const std::function<void(std::size_t, const Answer&)>& answered);

  // Waits, and lets the pool work.
  void pause(std::chrono::milliseconds time);

 private:
  Answer call(const Request& request);
  void wait(HttpPool::Clock::time_point until);

  HttpPool& pool_;
  const ShopClient& shop_;
  const std::atomic<Wish>& wish_;
};

// What went wrong, for people: the status and the problem's detail, or why there is no answer.
std::string reason_of(const HttpPool::Answer& answer);

}  // namespace jangbu::loadgen
