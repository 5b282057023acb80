// The few cryptographic needs of the host, over OpenSSL: HMAC-SHA256, SHA-256, hex, constant-time
// equality.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace modhost::host {

using Digest = std::array<unsigned char, 32>;

// HMAC-SHA256 with one key, prepared once: each sign() copies the keyed state instead of hashing
// the key again. Threads: sign() may be called from any thread at once.
class HmacKey {
 public:
  // The key is the bytes of `secret` exactly as given; no prefix is stripped, nothing is decoded.
  explicit HmacKey(std::string_view secret);
  ~HmacKey();
  HmacKey(HmacKey&& other) noexcept;
  HmacKey& operator=(HmacKey&&) = delete;
  HmacKey(const HmacKey&) = delete;
  HmacKey& operator=(const HmacKey&) = delete;

  Digest sign(std::string_view bytes) const;

 private:
  void* keyed_;  // EVP_MAC_CTX, read only after construction
};

Digest sha256(std::string_view bytes);
// Lower case.
std::string hex(const Digest& digest);
// 64 hex digits of either case; nullopt for anything else.
std::optional<Digest> digestFromHex(std::string_view text);
// Takes the same time wherever the first difference stands.
bool equalConstantTime(const Digest& a, const Digest& b);

}  // namespace modhost::host
