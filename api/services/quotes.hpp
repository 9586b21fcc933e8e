// Quotes as signed tokens: nothing is stored until one is confirmed. A token is
// `base64url(content) "." base64url(HMAC-SHA256(content))`; the content is the quote in cereal's
// portable bytes. Any instance that holds the secret can check it, after any restart; without the
// secret it cannot be changed.
//
// Threads: any, after construction.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "commands/decision.hpp"
#include "commands/principal.hpp"
#include "commands/purchase.hpp"
#include "events/values.hpp"

namespace jangbu {

class Quotes {
 public:
  static constexpr std::int64_t lifetime_ms = 15 * 60 * 1000;
  static constexpr std::size_t min_secret = 16;

  // REQUIRES: a secret of at least min_secret bytes.
  Quotes(std::string secret, std::string shop);

  // The token for an offer made at `now` to this asker.
  std::string issue(QuoteId id, const Offer& offer, const Principal& asker, Timestamp now) const;

  // The quote in the token, to be confirmed at `now` as a purchase with this id. Nothing if this
  // shop did not issue it to the asker; somebody who acts for all may confirm any.
  std::optional<ConfirmQuote> read(std::string_view token, PurchaseId purchase,
                                   const Principal& asker, Timestamp now) const;

 private:
  std::string sign(std::string_view content) const;

  std::string secret_;
  std::string shop_;  // whose quotes these are: several may have one secret
};

// The secret in the file; a new one, in a file of mode 0600, when there is none yet. Throws
// std::runtime_error that says what is wrong with the file.
std::string load_quote_secret(const std::filesystem::path& file);

}  // namespace jangbu
