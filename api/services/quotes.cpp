#include "api/services/quotes.hpp"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
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

namespace {

constexpr ::mode_t private_file = 0600;

[[noreturn]] void fail(const std::filesystem::path& file) {
  throw std::system_error(errno, std::generic_category(), file.string());
}

// A new secret in this file, unless there is one by then. It is written beside it, flushed and
// linked: the file has a whole secret or is not there, and of two processes one makes it.
void make_quote_secret(const std::filesystem::path& file) {
  unsigned char random[24];
  invariant(RAND_bytes(random, sizeof random) == 1, "the system gives random bytes");
  const std::string secret = to_base64url({reinterpret_cast<const char*>(random), sizeof random});
  unsigned char suffix[9];
  invariant(RAND_bytes(suffix, sizeof suffix) == 1, "the system gives random bytes");
  const std::string aside =
      file.string() + "." + to_base64url({reinterpret_cast<const char*>(suffix), sizeof suffix});

  const int fd = ::open(aside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, private_file);
  if (fd < 0) fail(file);
  const bool made =
      ::write(fd, secret.data(), secret.size()) == static_cast<ssize_t>(secret.size()) &&
      ::fsync(fd) == 0 && (::link(aside.c_str(), file.c_str()) == 0 || errno == EEXIST);
  const int error = errno;
  ::close(fd);
  ::unlink(aside.c_str());
  errno = error;
  if (!made) fail(file);
  const int folder = ::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) fail(file);
  ::fsync(folder);  // a secret that is lost with the power costs quotes of a few minutes
  ::close(folder);
}

}  // namespace

std::string load_quote_secret(const std::filesystem::path& file) {
  constexpr std::size_t longest_secret = 4096;
  int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) {
    make_quote_secret(file);
    fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  }
  if (fd < 0) fail(file);
  struct stat info {};
  const bool others_may_read = ::fstat(fd, &info) == 0 && (info.st_mode & 077) != 0;
  std::string secret(longest_secret + 1, '\0');
  const ssize_t size = others_may_read ? 0 : ::read(fd, secret.data(), secret.size());
  const int error = errno;
  ::close(fd);
  if (others_may_read)
    throw std::runtime_error(file.string() + " can be read by others: chmod 600 it");
  if (size < 0) throw std::system_error(error, std::generic_category(), file.string());
  secret.resize(static_cast<std::size_t>(size));
  if (secret.size() < Quotes::min_secret || secret.size() > longest_secret)
    throw std::runtime_error(file.string() + " holds no secret of " +
                             std::to_string(Quotes::min_secret) + " to " +
                             std::to_string(longest_secret) +
                             " bytes. Remove it to get a new one; quotes given out become invalid");
  return secret;
}

}  // namespace jangbu
