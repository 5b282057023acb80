// Signature: is this body from somebody who knows a secret, and is it fresh?
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/base/clock.h"
#include "host/base/crypto.h"

namespace modhost::host {

// Until `expires` it verifies; most never end, hence the conversions.
struct SigningSecret {
  SigningSecret(std::string key, WallTime end = WallTime::max())  // NOLINT(google-explicit-*)
      : text(std::move(key)), expires(end) {}
  SigningSecret(const char* key) : text(key) {}  // NOLINT(google-explicit-*)

  std::string text;
  WallTime expires = WallTime::max();
};

enum class SignatureVerdict {
  kVerified = 1,
  kMissing,       // a header is absent or empty
  kWrong,         // no secret fits; also when a header stands twice: which one was meant?
  kExpired,       // only a secret that has expired fits
  kBadTimestamp,  // not a positive integer of decimal digits
  kStale,         // further in the past than the tolerance
};

// The values of every header of these names, in order: normally one each.
struct SignatureHeaders {
  std::vector<std::string> signatures;  // X-Unique-Signature: hex HMAC-SHA256 of the raw body
  std::vector<std::string> timestamps;  // X-Unique-Created-At: Unix seconds of this delivery
};

struct SecretCounts {
  std::size_t all = 0, expired = 0;
};

// Threads: any.
class SignatureCheck {
 public:
  // Any of `secrets` that has not expired may match, so that they can be rotated; their bytes are
  // the key as given.
  // `tolerance` 0 switches the age check off, not the need for a readable timestamp.
  SignatureCheck(const std::vector<SigningSecret>& secrets, Milliseconds tolerance);

  // Constant time in the signature: every secret is tried, whichever fits. The timestamp is not
  // covered by the signature, so a future one proves nothing and passes; replays meet the
  // de-duplication on the id.
  SignatureVerdict verify(const SignatureHeaders& headers, std::string_view body,
                          WallTime now) const;

  SecretCounts countSecrets(WallTime now) const;

 private:
  struct Key {
    HmacKey key;
    WallTime expires;
  };
  SignatureVerdict verdictOf(std::string_view signature, std::string_view body, WallTime now) const;

  std::vector<Key> keys_;
  Milliseconds tolerance_;
};

}  // namespace modhost::host
