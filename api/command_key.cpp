#include "api/command_key.hpp"

#include <openssl/evp.h>

#include <algorithm>

#include "api/http/trace.hpp"
#include "api/json/body.hpp"
#include "events/errors.hpp"
#include "infra/handle.hpp"

namespace jangbu {

namespace {

constexpr std::size_t max_key = 255;

bool is_visible_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= '!' && c <= '~'; });
}

// Of the parts one after the other. (OpenSSL's one-shot SHA256() looks the algorithm up each time,
// which takes as long as the rest: 690 ns for 300 bytes, and 350 ns like this.)
template <class Hash>
Hash sha256_of(std::initializer_list<std::string_view> parts) {
  static const Handle<EVP_MD, EVP_MD_free> sha256(EVP_MD_fetch(nullptr, "SHA256", nullptr));
  thread_local const Handle<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
  unsigned char digest[EVP_MAX_MD_SIZE];
  bool done = EVP_DigestInit_ex2(context.get(), sha256.get(), nullptr) == 1;
  for (const std::string_view part : parts)
    done = done && EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1;
  done = done && EVP_DigestFinal_ex(context.get(), digest, nullptr) == 1;
  invariant(done, "SHA-256 can be computed");
  Hash hash;
  std::copy_n(digest, hash.bytes.size(), hash.bytes.begin());
  return hash;
}

CommandKey key_of(std::string_view key, std::string_view method, std::string_view target,
                  std::string_view body) {
  return {sha256_of<KeyHash>({key}), sha256_of<RequestHash>({method, " ", target, "\n", body})};
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
  if (const auto trace = request.header("traceparent"))
    if (auto valid = http::parse_traceparent(*trace)) return std::move(*valid);
  const auto id = request.header("X-Request-Id");
  return id && http::is_request_id(*id) ? std::string(*id) : std::string();
}

}  // namespace jangbu
