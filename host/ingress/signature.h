// Signature: is this body from somebody who knows a secret, and is it fresh?
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "host/base/clock.h"
#include "host/base/crypto.h"

namespace modhost::host {

enum class SignatureVerdict {
  kVerified = 1,
  kMissing,       // a header is absent or empty
  kWrong,         // no secret fits; also when a header stands twice: which one was meant?
  kBadTimestamp,  // not a positive integer of decimal digits
  kStale,         // further in the past than the tolerance
};

// The values of every header of these names, in order: normally one each.
struct SignatureHeaders {
  std::vector<std::string> signatures;  // X-Unique-Signature: hex HMAC-SHA256 of the raw body
  std::vector<std::string> timestamps;  // X-Unique-Created-At: Unix seconds of this delivery
};

// Threads: any.
class SignatureCheck {
 public:
  // Any of `secrets` may match, so that they can be rotated; their bytes are the key as given.
  // `tolerance` 0 switches the age check off, not the need for a readable timestamp.
  SignatureCheck(const std::vector<std::string>& secrets, Milliseconds tolerance);

  // Constant time in the signature: every secret is tried, whichever fits. The timestamp is not
  // covered by the signature, so a future one proves nothing and passes; replays meet the
  // de-duplication on the id.
  SignatureVerdict verify(const SignatureHeaders& headers, std::string_view body,
                          WallTime now) const;

 private:
  bool signedByAnySecret(std::string_view signature, std::string_view body) const;

  std::vector<HmacKey> keys_;
  Milliseconds tolerance_;
};

}  // namespace modhost::host
