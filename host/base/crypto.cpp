#include "host/base/crypto.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <utility>

#include "host/base/assert.h"

namespace modhost::host {
namespace {

EVP_MAC_CTX* contextOf(void* keyed) { return static_cast<EVP_MAC_CTX*>(keyed); }

const unsigned char* bytesOf(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

int nibble(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

HmacKey::HmacKey(std::string_view secret) {
  EVP_MAC* mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  MODHOST_ASSERT(mac != nullptr);
  keyed_ = EVP_MAC_CTX_new(mac);
  EVP_MAC_free(mac);  // the context keeps its own reference
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                               OSSL_PARAM_construct_end()};
  MODHOST_ASSERT(EVP_MAC_init(contextOf(keyed_), bytesOf(secret), secret.size(), params) == 1);
}

HmacKey::~HmacKey() { EVP_MAC_CTX_free(contextOf(keyed_)); }

HmacKey::HmacKey(HmacKey&& other) noexcept : keyed_(std::exchange(other.keyed_, nullptr)) {}

Digest HmacKey::sign(std::string_view bytes) const {
  Digest digest{};
  std::size_t size = 0;
  EVP_MAC_CTX* context = EVP_MAC_CTX_dup(contextOf(keyed_));
  MODHOST_ASSERT(context != nullptr);
  MODHOST_ASSERT(EVP_MAC_update(context, bytesOf(bytes), bytes.size()) == 1);
  MODHOST_ASSERT(EVP_MAC_final(context, digest.data(), &size, digest.size()) == 1);
  EVP_MAC_CTX_free(context);
  return digest;
}

Digest sha256(std::string_view bytes) {
  Digest digest{};
  MODHOST_ASSERT(
      EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_sha256(), nullptr) == 1);
  return digest;
}

std::string hex(const Digest& digest) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(digest.size() * 2);
  for (const unsigned char byte : digest) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::optional<Digest> digestFromHex(std::string_view text) {
  Digest digest{};
  if (text.size() != digest.size() * 2) return std::nullopt;
  for (std::size_t i = 0; i < digest.size(); ++i) {
    const int high = nibble(text[2 * i]);
    const int low = nibble(text[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    digest[i] = static_cast<unsigned char>(high * 16 + low);
  }
  return digest;
}

bool equalConstantTime(const Digest& a, const Digest& b) {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace modhost::host
