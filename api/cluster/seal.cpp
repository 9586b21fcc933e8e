#include "api/cluster/seal.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <array>
#include <cstdint>
#include <initializer_list>
#include <stdexcept>

#include "events/errors.hpp"
#include "infra/handle.hpp"
#include "infra/plain_file.hpp"

namespace jangbu::cluster {

namespace {

constexpr std::size_t mac_bytes = 32;
constexpr std::size_t longest_secret = 4096;

using Mac = std::array<char, mac_bytes>;

Mac hmac(std::string_view secret, std::initializer_list<std::string_view> parts) {
  static const Handle<EVP_MAC, EVP_MAC_free> algorithm(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
  thread_local const Handle<EVP_MAC_CTX, EVP_MAC_CTX_free> context(
      EVP_MAC_CTX_new(algorithm.get()));
  char digest[] = "SHA256";
  const OSSL_PARAM settings[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                 OSSL_PARAM_construct_end()};
  const auto bytes = [](std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
  };
  Mac mac;
  std::size_t size = 0;
  bool done = EVP_MAC_init(context.get(), bytes(secret), secret.size(), settings) == 1;
  for (const std::string_view part : parts)
    done = done && EVP_MAC_update(context.get(), bytes(part), part.size()) == 1;
  done = done && EVP_MAC_final(context.get(), reinterpret_cast<unsigned char*>(mac.data()), &size,
                               mac.size()) == 1;
  invariant(done && size == mac.size(), "HMAC-SHA256 can be computed");
  return mac;
}

Mac mac_of(std::string_view secret, std::string_view context, std::string_view bytes) {
  std::array<char, 8> length;
  for (std::size_t i = 0; i < length.size(); ++i)
    length[i] = static_cast<char>(std::uint64_t{context.size()} >> (8 * (length.size() - 1 - i)));
  return hmac(secret, {{length.data(), length.size()}, context, bytes});
}

}  // namespace

std::string seal(std::string_view secret, std::string_view context, std::string_view bytes) {
  const Mac mac = mac_of(secret, context, bytes);
  std::string sealed;
  sealed.reserve(mac.size() + bytes.size());
  return sealed.append(mac.data(), mac.size()).append(bytes);
}

std::optional<std::string_view> open(std::string_view secret, std::string_view context,
                                     std::string_view sealed) {
  if (sealed.size() < mac_bytes) return std::nullopt;
  const std::string_view bytes = sealed.substr(mac_bytes);
  const Mac mac = mac_of(secret, context, bytes);
  if (CRYPTO_memcmp(mac.data(), sealed.data(), mac.size()) != 0) return std::nullopt;
  return bytes;
}

std::string load_secret(const std::filesystem::path& file) {
  std::string secret;
  try {
    secret = read_plain_file(file, longest_secret, Privacy::owner_alone);
  } catch (const std::runtime_error& wrong) {
    throw std::runtime_error("--cluster-secret: " + file.string() + " " + wrong.what());
  }
  secret.resize(secret.find_last_not_of("\r\n") + 1);
  if (secret.size() < min_secret)
    throw std::runtime_error("--cluster-secret: " + file.string() + " must have at least " +
                             std::to_string(min_secret) +
                             " characters, such as those of openssl rand -base64 32");
  return secret;
}

std::string secret_from_quotes(std::string_view quote_secret) {
  const Mac mac = hmac(quote_secret, {"jangbu cluster secret"});
  return {mac.data(), mac.size()};
}

}  // namespace jangbu::cluster
