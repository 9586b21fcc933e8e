#include "api/load/shop_calls.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <utility>

#include "api/client/certainty.hpp"
#include "infra/json_tree.hpp"

namespace jangbu::loadgen {

using namespace std::chrono_literals;

namespace {

using Clock = HttpPool::Clock;

constexpr auto patience = 30s;
constexpr auto retry_interval = 200ms;

}  // namespace

std::string reason_of(const HttpPool::Answer& answer) {
  if (answer.status == 0) return answer.error;
  if (auto refusal = refusal_in(answer.status, answer.body); !refusal.empty()) return refusal;
  const auto problem = parse_json_if_valid(answer.body);
  std::string text = std::to_string(answer.status);
  if (problem.is_object() && problem.contains("detail") && problem.at("detail").is_string())
    text += ", " + problem.at("detail").get<std::string>();
  return text;
}

void ShopCalls::wait(Clock::time_point until) {
  if (wish_ == Wish::abandon) throw Abandoned();
  pool_.wait(until);
  if (wish_ == Wish::abandon) throw Abandoned();
}

void ShopCalls::pause(std::chrono::milliseconds time) {
  const auto until = Clock::now() + time;
  while (Clock::now() < until) wait(until);
}

ShopCalls::Answer ShopCalls::call(const Request& request) {
  const auto answer = std::make_shared<std::optional<Answer>>();
  instances_.send(pool_, request, [answer](Answer came) { *answer = std::move(came); });
  return await(answer);
}

ShopCalls::Answer ShopCalls::call(std::size_t instance, const Request& request) {
  const auto answer = std::make_shared<std::optional<Answer>>();
  instances_.send_to(instance, pool_, request,
                     [answer](Answer came) { *answer = std::move(came); });
  return await(answer);
}

ShopCalls::Answer ShopCalls::await(const std::shared_ptr<std::optional<Answer>>& answer) {
  while (!*answer) wait(Clock::now() + patience);
  return std::move(**answer);
}

std::chrono::milliseconds ShopCalls::before_retry(const Answer& answer) const {
  const bool another_may = Instances::is_away(answer) && instances_.has_one_to_ask();
  return another_may ? retry_interval
                     : std::max<std::chrono::milliseconds>(retry_interval, answer.retry_after);
}

void ShopCalls::require_services() {
  using Service = Instances::Service;
  for (std::size_t instance = 0; instance < instances_.count(); ++instance)
    for (const auto& [service, name] :
         {std::pair(Service::operations, "operations"), std::pair(Service::account, "account"),
          std::pair(Service::product, "product"), std::pair(Service::purchase, "purchase")}) {
      const std::string url = instances_.url(instance, service);
      const Answer answer = call(instance, {.service = service, .path = "/"});
      if (const auto refusal = refusal_in(answer.status, answer.body); !refusal.empty())
        throw LoadFailed(url + " " + refusal);
      if (answer.status != 200 && answer.status != 503)
        throw LoadFailed("no shop's " + std::string(name) + " service answers at " + url + " (" +
                         reason_of(answer) +
                         "). Start one with jangbu serve, or say where it is with --host and "
                         "--port-base (JANGBU_PORT_BASE)");
    }
}

ShopCalls::Answer ShopCalls::insist(const Request& request) {
  const auto until = Clock::now() + patience;
  for (bool uncertain = false;;) {
    Answer answer = call(request);
    if (answer.status == 200) return answer;
    uncertain = uncertain ||
                (answer.status == 0 ? answer.times_sent > 0
                                    : says(answer.status, code_of(answer.body)) == Says::uncertain);
    if (!is_for_now(answer.status) || Clock::now() >= until)
      throw LoadFailed(request.method + " " + request.path + ": " + reason_of(answer) +
                       (uncertain && request.method != "GET" ? ". Its outcome is unknown" : ""));
    pause(before_retry(answer));
  }
}

std::optional<ShopCalls::Answer> ShopCalls::stream(Request request,
                                                   const std::function<Took(std::string&)>& take) {
  // Shared with the callbacks, which the pool may keep beyond an exception thrown here.
  struct Stream {
    std::string text;
    bool enough = false;
    std::optional<Answer> end;
  };
  const auto stream = std::make_shared<Stream>();
  request.timeout = 0ms;
  request.on_body = [stream](std::string_view piece) {
    stream->text += piece;
    return !stream->enough;
  };
  instances_.send(pool_, request, [stream](Answer end) { stream->end = std::move(end); });
  for (auto heard = Clock::now(); !stream->enough;) {
    wait(Clock::now() + retry_interval);
    const bool ended = stream->end.has_value();
    const Took took = stream->text.empty() ? Took::nothing : take(stream->text);
    if (took != Took::nothing) heard = Clock::now();
    stream->enough = took == Took::enough || Clock::now() - heard > patience;
    if (ended && !stream->enough) return stream->end;
  }
  pool_.drop();
  return std::nullopt;
}

void ShopCalls::each(const std::vector<Request>& requests,
                     const std::function<void(std::size_t, const Answer&)>& answered) {
  // Shared with the callbacks, which the pool may keep beyond an exception thrown here.
  const auto arrived = std::make_shared<std::vector<std::pair<std::size_t, Answer>>>();
  std::size_t next = 0, done = 0;
  while (done < requests.size()) {
    for (; next < requests.size() && pool_.free() > 0; ++next)
      instances_.send(pool_, requests[next], [arrived, next](Answer answer) {
        arrived->emplace_back(next, std::move(answer));
      });
    wait(Clock::now() + patience);
    for (const auto& [number, answer] : std::exchange(*arrived, {})) {
      answered(number, answer);
      ++done;
    }
  }
}

void ShopCalls::each(const std::vector<Request>& requests, std::chrono::seconds longest,
                     const std::function<void(std::size_t, const Answer&)>& answered) {
  const auto until = Clock::now() + longest;
  std::vector<std::size_t> left(requests.size());
  std::iota(left.begin(), left.end(), std::size_t{0});
  while (!left.empty()) {
    std::vector<Request> round;
    for (const std::size_t number : left) round.push_back(requests[number]);
    std::vector<std::size_t> again;
    std::chrono::milliseconds longest_wait = retry_interval;
    each(round, [&](std::size_t i, const Answer& answer) {
      if (is_for_now(answer.status) && Clock::now() < until) {
        again.push_back(left[i]);
        longest_wait = std::max(longest_wait, before_retry(answer));
      } else {
        answered(left[i], answer);
      }
    });
    left = std::move(again);
    if (!left.empty()) pause(longest_wait);
  }
}

}  // namespace jangbu::loadgen
