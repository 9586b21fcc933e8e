#include "api/access/gatekeeper.hpp"

#include <algorithm>
#include <utility>

#include "api/access/access_keys.hpp"
#include "api/access/limiter.hpp"
#include "api/access/tokens.hpp"
#include "api/answers/problem.hpp"
#include "api/answers/problem_types.hpp"
#include "api/http/ascii.hpp"
#include "infra/ids.hpp"

namespace jangbu::access {

namespace {

constexpr std::string_view realm = "Bearer realm=\"jangbu\"";

// RFC 6750, section 3: what went wrong with a credential goes into the challenge too.
std::string challenge(std::string_view why) {
  std::string text(realm);
  if (why.empty()) return text;
  text += ", error=\"invalid_token\", error_description=\"";
  for (const char c : why) text += c >= ' ' && c <= '~' && c != '"' && c != '\\' ? c : '\'';
  return text + "\"";
}

Problem unauthorized(std::string detail, std::string_view why = {}) {
  return {.type = problems::unauthorized,
          .detail = std::move(detail),
          .headers = {{"WWW-Authenticate", challenge(why)}}};
}

Problem wrong_role(Roles needed) {
  Json roles = Json::array();
  for (const std::string_view role : words_of(needed)) roles.push_back(role);
  return {.type = problems::forbidden,
          .detail = "This takes the role " + in_words(needed) + ".",
          .fields = Json{{"roles", roles}}};
}

const std::shared_ptr<const Grant>& grant_of_anyone() {
  static const auto all = std::make_shared<const Grant>(
      Grant{.asker = anyone(), .until = {}, .rate = {}, .withdrawn = {}});
  return all;
}

// The credential of `Authorization: Bearer …`.
std::string_view bearer_of(const http::Request& request) {
  std::optional<std::string_view> field;
  for (std::size_t i = 0; i < request.headers.size(); ++i) {
    const auto [name, value] = request.headers[i];
    if (!http::equal_ignoring_case(name, "Authorization")) continue;
    if (field) throw unauthorized("Authorization is given twice.", "Authorization is given twice");
    field = value;
  }
  if (!field)
    throw unauthorized(
        "Access control is on: send Authorization: Bearer with an access key or a token of the "
        "identity provider.");
  constexpr std::string_view scheme = "Bearer ";
  if (field->size() <= scheme.size() ||
      !http::equal_ignoring_case(field->substr(0, scheme.size()), scheme))
    throw unauthorized("Authorization must be Bearer, with an access key or a token.");
  return field->substr(std::min(field->find_first_not_of(' ', scheme.size()), field->size()));
}

// What is granted, limited to these roles.
std::shared_ptr<const Grant> in_roles(const std::shared_ptr<const Grant>& grant, Roles roles) {
  const Principal& asker = *grant->asker;
  const Roles acting = asker.roles & roles;
  if (acting == asker.roles) return grant;
  Principal limited = asker;
  limited.roles = acting;
  if (!acting.has(Role::carrier)) limited.carrier.clear();
  Grant narrow = *grant;
  narrow.asker = std::make_shared<const Principal>(std::move(limited));
  return std::make_shared<const Grant>(std::move(narrow));
}

Problem too_many(const Limiter::Answer& answer) {
  const auto wait = answer.retry_after.count();
  return {.type = problems::too_many_requests,
          .detail = "There were too many requests. Try again in " + std::to_string(wait) + " s.",
          .retry_after_s = static_cast<int>(wait),
          .headers = {{"RateLimit-Policy", ratelimit_policy(answer)},
                      {"RateLimit", ratelimit(answer)}}};
}

}  // namespace

Gatekeeper::Gatekeeper(const AccessKeys* keys, Tokens* tokens, Options options)
    : keys_(keys), tokens_(tokens), options_(std::move(options)) {}

std::shared_ptr<const Grant> Gatekeeper::admit(const http::Request& request,
                                               const http::Exchange& exchange,
                                               const Permission& permission) {
  if (permission.everybody) return grant_of_anyone();
  const auto grant = is_on() ? identify(request, exchange) : grant_of_anyone();
  const Principal& asker = *grant->asker;
  const Rate rate = grant->rate.value_or(options_.rate);
  if (rate.per_second > 0)
    require_room(
        requests_.take(is_on() ? asker.id.bytes : client_address(request, options_.proxies).bytes,
                       rate, Limiter::Clock::now()),
        exchange, asker.name);
  if (!permission.given_to(asker)) {
    refuse(Refused::wrong_role, exchange, asker.name, to_string(Refused::wrong_role));
    throw wrong_role(permission.roles);
  }
  exchange.note_asker(asker.name, {});
  return in_roles(grant, permission.roles);
}

std::shared_ptr<const Grant> Gatekeeper::identify(const http::Request& request,
                                                  const http::Exchange& exchange) {
  const std::string_view bearer = require_bearer(request, exchange);
  const bool is_token = tokens_ && !is_access_key(bearer);
  if (is_token)
    if (auto grant = tokens_->recall(bearer, system_now())) return grant;
  const Limiter::Key address = client_address(request, options_.proxies).bytes;
  const auto now = Limiter::Clock::now();
  if (is_token) require_room(failures_.look(address, options_.failures, now), exchange, {});

  Credential credential = check(bearer);
  if (auto* grant = std::get_if<std::shared_ptr<const Grant>>(&credential)) return *grant;
  auto& denied = std::get<Denied>(credential);
  // It may be a good one, and nothing was computed for it.
  if (denied.why == Denied::Why::unavailable) {
    refuse(Refused::no_provider, exchange, {}, denied.reason);
    throw Problem{.type = problems::provider_unavailable,
                  .detail = std::move(denied.detail),
                  .retry_after_s = 1};
  }
  require_room(failures_.take(address, options_.failures, now), exchange, {});
  refuse(Refused::bad_credential, exchange, {}, denied.reason);
  throw unauthorized(denied.detail, denied.detail);
}

std::string_view Gatekeeper::require_bearer(const http::Request& request,
                                            const http::Exchange& exchange) {
  try {
    return bearer_of(request);
  } catch (const Problem&) {
    require_room(requests_.take(client_address(request, options_.proxies).bytes, options_.rate,
                                Limiter::Clock::now()),
                 exchange, {});
    refuse(Refused::no_credential, exchange, {}, to_string(Refused::no_credential));
    throw;
  }
}

Credential Gatekeeper::check(std::string_view bearer) const {
  if (is_access_key(bearer)) {
    if (keys_) return keys_->check(bearer);
  } else if (tokens_) {
    return tokens_->check(bearer, system_now());
  }
  return Denied{.why = Denied::Why::invalid,
                .reason = "unknown-kind",
                .detail = keys_ ? "This is no access key, and no identity provider is configured."
                                : "Access keys are not in use here."};
}

void Gatekeeper::require_room(const Limiter::Answer& answer, const http::Exchange& exchange,
                              std::string_view who) {
  if (answer.allowed) return;
  refuse(Refused::too_many, exchange, who, to_string(Refused::too_many));
  throw too_many(answer);
}

void Gatekeeper::refuse(Refused why, const http::Exchange& exchange, std::string_view who,
                        std::string_view reason) {
  refused_[static_cast<std::size_t>(why)].add();
  exchange.note_asker(who, reason);
}

std::string_view to_string(Gatekeeper::Refused why) {
  static constexpr std::array<std::string_view, Gatekeeper::refused_count> words{
      "no-credential", "bad-credential", "no-provider", "wrong-role", "too-many-requests"};
  return words.at(static_cast<std::size_t>(why));
}

}  // namespace jangbu::access
