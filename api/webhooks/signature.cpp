#include "api/webhooks/signature.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "events/errors.hpp"
#include "infra/base64.hpp"

namespace jangbu::webhook {

std::optional<std::string> parse_secret(std::string_view text) {
  constexpr std::string_view mark = "whsec_";
  if (!text.starts_with(mark)) return std::nullopt;
  auto bytes = from_base64(text.substr(mark.size()));
  if (!bytes || bytes->size() < shortest_secret || bytes->size() > longest_secret)
    return std::nullopt;
  return bytes;
}

std::string sign(const std::vector<std::string>& secrets, std::string_view id,
                 std::int64_t timestamp_s, std::string_view body) {
  std::string content(id);
  content += '.' + std::to_string(timestamp_s) + '.';
  content += body;
  std::string signatures;
  for (const std::string& secret : secrets) {
    std::string mac(EVP_MAX_MD_SIZE, '\0');
    unsigned size = 0;
    const auto* done = HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
                            reinterpret_cast<const unsigned char*>(content.data()), content.size(),
                            reinterpret_cast<unsigned char*>(mac.data()), &size);
    invariant(done, "HMAC-SHA256 can be computed");
    mac.resize(size);
    signatures += (signatures.empty() ? "v1," : " v1,") + to_base64(mac);
  }
  return signatures;
}

}  // namespace jangbu::webhook
