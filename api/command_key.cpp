#include "api/command_key.hpp"

#include <openssl/sha.h>

#include <algorithm>

#include "api/json/body.hpp"

namespace jangbu {

namespace {

constexpr std::size_t max_key = 255;
constexpr std::size_t max_correlation = 128;

bool is_visible_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= '!' && c <= '~'; });
}

template <class Hash>
Hash sha256_of(std::string_view text) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  ::SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  Hash hash;
  std::copy_n(digest, hash.bytes.size(), hash.bytes.begin());
  return hash;
}

CommandKey key_of(std::string_view key, std::string_view method, std::string_view target,
                  std::string_view body) {
  std::string text(method);
  text.append(" ").append(target).append("\n").append(body);
  return {sha256_of<KeyHash>(key), sha256_of<RequestHash>(text)};
}

}  // namespace

std::optional<std::string_view> idempotency_key(const http::Request& request) {
  const auto key = request.header("Idempotency-Key");
  if (key && (key->empty() || key->size() > max_key || !is_visible_ascii(*key)))
    malformed("Idempotency-Key must have 1 to 255 visible ASCII characters");
  return key;
}

std::optional<CommandKey> command_key(const http::Request& request) {
  const auto key = idempotency_key(request);
  if (!key) return std::nullopt;
  return key_of(*key, http::to_string(request.method), request.target, request.body);
}

CommandKey row_key(std::string_view prefix, std::uint64_t line, std::string_view target,
                   std::string_view row) {
  return key_of(std::string(prefix) + "\n" + std::to_string(line), "ROW", target, row);
}

std::string correlation_of(const http::Request& request) {
  for (const auto name : {"traceparent", "X-Request-Id"}) {
    const auto value = request.header(name);
    if (value && value->size() <= max_correlation && is_visible_ascii(*value))
      return std::string(*value);
  }
  return {};
}

}  // namespace jangbu
