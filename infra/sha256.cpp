#include "infra/sha256.hpp"

#include <openssl/evp.h>

#include "events/errors.hpp"
#include "infra/handle.hpp"

namespace jangbu {

// OpenSSL's one-shot SHA256() looks the algorithm up on every call, which doubles the time: 690 ns
// for 300 bytes, against 350 ns with a fetched algorithm.
Sha256 sha256(std::initializer_list<std::string_view> parts) {
  static const Handle<EVP_MD, EVP_MD_free> algorithm(EVP_MD_fetch(nullptr, "SHA256", nullptr));
  thread_local const Handle<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
  Sha256 digest;
  bool done = EVP_DigestInit_ex2(context.get(), algorithm.get(), nullptr) == 1;
  for (const std::string_view part : parts)
    done = done && EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1;
  done = done && EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) == 1;
  invariant(done, "SHA-256 can be computed");
  return digest;
}

}  // namespace jangbu
