#include "api/quotes.hpp"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>

#include "events/archive.hpp"
#include "events/errors.hpp"

namespace jangbu {

namespace {

constexpr std::string_view base64url =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// RFC 4648, section 5, without padding.
std::string to_base64url(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() * 4 + 2) / 3);
  std::uint32_t bits = 0;
  int count = 0;
  for (const char byte : bytes) {
    bits = bits << 8 | static_cast<std::uint8_t>(byte);
    for (count += 8; count >= 6; count -= 6) text += base64url[bits >> (count - 6) & 63];
  }
  if (count > 0) text += base64url[bits << (6 - count) & 63];
  return text;
}

std::optional<std::string> from_base64url(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  int count = 0;
  for (const char digit : text) {
    const auto value = base64url.find(digit);
    if (value == base64url.npos) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    count += 6;
    if (count >= 8) bytes += static_cast<char>(bits >> (count -= 8) & 255);
  }
  return bytes;
}

// What a token carries. Its first byte is its format, so that another can follow.
struct Content {
  std::uint8_t format = 1;
  QuoteId id;
  AccountId buyer;
  Recipient recipient;
  std::vector<PurchaseLine> lines;  // without their names and totals, which only show
  Timestamp expires_at;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(format, id, buyer, recipient, lines, expires_at);
  }
};

}  // namespace

Quotes::Quotes(std::string secret) : secret_(std::move(secret)) {
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

std::string Quotes::issue(QuoteId id, const Offer& offer, Timestamp now) const {
  Content content{.id = id,
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
                                         Timestamp now) const {
  const auto dot = token.find('.');
  if (dot == token.npos) return std::nullopt;
  const auto bytes = from_base64url(token.substr(0, dot));
  const auto mac = from_base64url(token.substr(dot + 1));
  if (!bytes || !mac) return std::nullopt;
  const std::string expected = sign(*bytes);
  if (mac->size() != expected.size() ||
      CRYPTO_memcmp(mac->data(), expected.data(), expected.size()) != 0)
    return std::nullopt;

  // Signed by us, so it is whole; another format comes from another version of this program.
  if (bytes->empty() || bytes->front() != 1) return std::nullopt;
  Content content;
  CommitInput input(*bytes);
  input(content);
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

std::string load_quote_secret(const std::filesystem::path& file) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd >= 0) {
    unsigned char random[24];
    invariant(RAND_bytes(random, sizeof random) == 1, "the system gives random bytes");
    const std::string secret = to_base64url({reinterpret_cast<const char*>(random), sizeof random});
    const bool written =
        ::write(fd, secret.data(), secret.size()) == static_cast<ssize_t>(secret.size()) &&
        ::fsync(fd) == 0;
    const int error = errno;
    ::close(fd);
    if (!written) throw std::system_error(error, std::generic_category(), file.string());
    return secret;
  }
  if (errno != EEXIST) throw std::system_error(errno, std::generic_category(), file.string());

  struct stat info {};
  if (::stat(file.c_str(), &info) == 0 && (info.st_mode & 077) != 0)
    throw std::runtime_error(file.string() + " can be read by others: chmod 600 it");
  std::ifstream stream(file);
  std::ostringstream text;
  text << stream.rdbuf();
  std::string secret = text.str();
  if (secret.size() < Quotes::min_secret)
    throw std::runtime_error(file.string() + " holds no secret of at least " +
                             std::to_string(Quotes::min_secret) +
                             " bytes. Remove it to get a new one; quotes given out become invalid");
  return secret;
}

}  // namespace jangbu
