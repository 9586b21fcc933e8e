#include "api/services/quotes.hpp"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>

#include "events/archive.hpp"
#include "events/errors.hpp"
#include "infra/base64.hpp"
#include "infra/descriptor.hpp"
#include "infra/ids.hpp"

namespace jangbu {

namespace {

// A token's content. Its first byte is the format, so that another can follow. (The first had no
// shop and no asker.)
struct Content {
  static constexpr std::uint8_t current = 2;

  std::uint8_t format = current;
  std::string shop;
  PrincipalId asker;  // zero: nobody known
  QuoteId id;
  AccountId buyer;
  Recipient recipient;
  std::vector<PurchaseLine> lines;  // without names and totals, which are only for display
  Timestamp expires_at;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(format, shop, asker, id, buyer, recipient, lines, expires_at);
  }
};

}  // namespace

Quotes::Quotes(std::string secret, std::string shop)
    : secret_(std::move(secret)), shop_(std::move(shop)) {
  invariant(secret_.size() >= min_secret, "a quote secret is long enough to be one");
}

std::string Quotes::sign(std::string_view content) const {
  std::string mac(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  const auto* done = HMAC(EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()),
                          reinterpret_cast<const unsigned char*>(content.data()), content.size(),
                          reinterpret_cast<unsigned char*>(mac.data()), &size);
  invariant(done, "HMAC-SHA256 can be computed");
  mac.resize(size);
  return mac;
}

std::string Quotes::issue(QuoteId id, const Offer& offer, const Principal& asker,
                          Timestamp now) const {
  Content content{.shop = shop_,
                  .asker = asker.id,
                  .id = id,
                  .buyer = offer.buyer,
                  .recipient = offer.recipient,
                  .lines = offer.lines,
                  .expires_at = {now.ms + lifetime_ms}};
  for (PurchaseLine& line : content.lines) {
    line.name.clear();
    line.total = {};
  }
  CommitOutput output;
  output(content);
  const std::string bytes = output.take();
  return to_base64url(bytes) + '.' + to_base64url(sign(bytes));
}

std::optional<ConfirmQuote> Quotes::read(std::string_view token, PurchaseId purchase,
                                         const Principal& asker, Timestamp now) const {
  const auto dot = token.find('.');
  if (dot == token.npos) return std::nullopt;
  const auto bytes = from_base64url(token.substr(0, dot));
  const auto mac = from_base64url(token.substr(dot + 1));
  if (!bytes || !mac) return std::nullopt;
  const std::string expected = sign(*bytes);
  if (mac->size() != expected.size() ||
      CRYPTO_memcmp(mac->data(), expected.data(), expected.size()) != 0)
    return std::nullopt;

  // Signed by us, so it is complete; another format comes from another version of this program.
  if (bytes->empty() || bytes->front() != Content::current) return std::nullopt;
  Content content;
  CommitInput input(*bytes);
  input(content);
  if (content.shop != shop_ || (content.asker != asker.id && !asker.acts_for_all()))
    return std::nullopt;
  ConfirmQuote quote{.purchase = purchase,
                     .quote = content.id,
                     .buyer = content.buyer,
                     .recipient = std::move(content.recipient),
                     .lines = {},
                     .expires_at = content.expires_at,
                     .at = now};
  quote.lines.reserve(content.lines.size());
  for (const PurchaseLine& line : content.lines)
    quote.lines.push_back({line.product, line.unit_price, line.quantity});
  return quote;
}

namespace {

constexpr ::mode_t private_file = 0600;

// Creates a new secret in this file, unless one exists by then. It is written to a temporary file,
// flushed and linked: the file holds a complete secret or does not exist, and of two processes only
// one creates it.
void make_quote_secret(const std::filesystem::path& file) {
  std::array<std::uint8_t, 24> random;
  fill_random(random);
  std::array<std::uint8_t, 9> suffix;
  fill_random(suffix);
  const std::string aside = file.string() + "." + to_base64url(chars_of(suffix));

  const Descriptor made(
      ::open(aside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, private_file), aside);
  const struct Removed {
    const std::string& file;
    ~Removed() { ::unlink(file.c_str()); }
  } removed{aside};
  write_all(made, to_base64url(chars_of(random)));
  if (::fsync(made.number()) != 0) throw_errno(aside);
  if (::link(aside.c_str(), file.c_str()) != 0 && errno != EEXIST) throw_errno(file.string());
  try {
    sync_folder(file.parent_path());
  } catch (const std::system_error&) {
    // Losing a secret in a power failure costs a few minutes' quotes.
  }
}

}  // namespace

std::string load_quote_secret(const std::filesystem::path& file) {
  constexpr std::size_t longest_secret = 4096;
  const auto open = [&] { return Descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC)); };
  Descriptor secret_file = open();
  if (!secret_file && errno == ENOENT) {
    make_quote_secret(file);
    secret_file = open();
  }
  if (!secret_file) throw_errno(file.string());
  struct stat info {};
  if (::fstat(secret_file.number(), &info) == 0 && (info.st_mode & 077) != 0)
    throw std::runtime_error(file.string() + " can be read by others: chmod 600 it");
  std::string secret(longest_secret + 1, '\0');
  const ssize_t size = ::read(secret_file.number(), secret.data(), secret.size());
  if (size < 0) throw_errno(file.string());
  secret.resize(static_cast<std::size_t>(size));
  if (secret.size() < Quotes::min_secret || secret.size() > longest_secret)
    throw std::runtime_error(file.string() + " holds no secret of " +
                             std::to_string(Quotes::min_secret) + " to " +
                             std::to_string(longest_secret) +
                             " bytes. Remove it to get a new one; quotes given out become invalid");
  return secret;
}

}  // namespace jangbu
