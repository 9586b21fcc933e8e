#include "api/access/tokens.hpp"

#include <algorithm>
#include <memory>
#include <utility>
#include <variant>

#include "api/access/token.hpp"
#include "infra/sha256.hpp"

namespace jangbu::access {

namespace {

Denied unavailable() {
  return {.why = Denied::Why::unavailable,
          .reason = "no-keys",
          .detail = "The keys of the token's issuer are not known at the moment; try again"};
}

}  // namespace

Tokens::Tokens(std::vector<Issuer> issuers, Options options)
    : options_(options),
      remembered_(options.most_remembered),
      provider_(options.provider, std::move(issuers)) {}

std::shared_ptr<const Grant> Tokens::recall(std::string_view token, Timestamp now) const {
  if (token.size() > Token::longest) return nullptr;
  return remembered_.find(sha256({token}), now);
}

Credential Tokens::check(std::string_view text, Timestamp now) {
  if (auto grant = recall(text, now)) return grant;
  auto read = read_token(text);
  if (auto* denied = std::get_if<Denied>(&read)) return std::move(*denied);
  const Token& token = std::get<Token>(read);
  const auto found = provider_.find(token.issuer);
  if (!found)
    return Denied{.reason = "unknown-issuer",
                  .detail = "The token's issuer is none of those whose tokens are taken here"};
  const auto& [issuer, keys] = *found;
  if (!keys || now >= keys->good_until) return unavailable();
  if (!keys->jwks.has(token.key_id) && provider_.ask(token.issuer, keys)) return unavailable();

  Credential credential = check_token(token, *issuer, keys->jwks, now);
  if (const auto* grant = std::get_if<std::shared_ptr<const Grant>>(&credential)) {
    const Timestamp later{now.ms + std::chrono::milliseconds(options_.remembered_for).count()};
    remembered_.remember(sha256({text}), *grant, std::min(later, keys->good_until));
  }
  return credential;
}

}  // namespace jangbu::access
