// The signature's headers and the body, from somebody who may or may not know a secret. Held
// against a second implementation that shares nothing with the first but OpenSSL.
//
//   modes            s, t: sign with the first, the second secret; U: in upper case; z: no
//                    tolerance; d, D: the signature, the timestamp stands twice; m, M: is missing
//   signature        unless signed by a mode
//   timestamp
//   body…
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <cctype>
#include <string>

#include "host/base/assert.h"
#include "host/ingress/signature.h"
#include "tests/fuzz/fuzz_input.h"

namespace modhost::host {
namespace {

const std::vector<std::string> kSecrets = {"whsec_demo_secret", "an older secret"};
constexpr std::int64_t kNowMs = 1'767'225'600'999;
constexpr std::int64_t kToleranceMs = 300'000;

std::string hexHmac(const std::string& secret, std::string_view body) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(body.data()), body.size(), digest, &size);
  std::string text;
  for (unsigned int i = 0; i < size; ++i) {
    char two[3];
    std::snprintf(two, sizeof two, "%02x", digest[i]);
    text += two;
  }
  return text;
}

std::string changedCase(std::string text, int (*change)(int)) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [change](unsigned char c) { return static_cast<char>(c < 0x80 ? change(c) : c); });
  return text;
}

bool isWrong(const std::string& signature, std::string_view body) {
  const std::string lower = changedCase(signature, std::tolower);
  return std::none_of(kSecrets.begin(), kSecrets.end(),
                      [&](const std::string& secret) { return hexHmac(secret, body) == lower; });
}

// As text: without leading zeros, a number of more digits is larger, else the later in the
// alphabet.
bool isLess(const std::string& a, const std::string& b) {
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

SignatureVerdict verdictOfTime(std::string digits, bool any_age) {
  if (digits.find_first_not_of("0123456789") != std::string::npos) {
    return SignatureVerdict::kBadTimestamp;
  }
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
  if (digits.empty() || isLess("9223372036854775807", digits)) {
    return SignatureVerdict::kBadTimestamp;
  }
  // The first second of which not all lies further back than the tolerance.
  const std::string oldest = std::to_string((kNowMs - kToleranceMs - 1) / 1000 + 1);
  return !any_age && isLess(digits, oldest) ? SignatureVerdict::kStale
                                            : SignatureVerdict::kVerified;
}

SignatureVerdict expected(const SignatureHeaders& headers, std::string_view body, bool any_age) {
  const auto empty = [](const std::vector<std::string>& values) {
    return std::count(values.begin(), values.end(), "") == static_cast<long>(values.size());
  };
  if (empty(headers.signatures) || empty(headers.timestamps)) return SignatureVerdict::kMissing;
  const bool twice = headers.signatures.size() > 1 || headers.timestamps.size() > 1;
  if (twice || isWrong(headers.signatures[0], body)) return SignatureVerdict::kWrong;
  return verdictOfTime(headers.timestamps[0], any_age);
}

SignatureHeaders headersOf(std::string_view modes, std::string signature, std::string timestamp,
                           std::string_view body) {
  const auto has = [modes](char mode) { return modes.find(mode) != std::string_view::npos; };
  if (has('s')) signature = hexHmac(kSecrets[0], body);
  if (has('t')) signature = hexHmac(kSecrets[1], body);
  if (has('U')) signature = changedCase(signature, std::toupper);
  SignatureHeaders headers;
  if (!has('m')) headers.signatures.assign(has('d') ? 2 : 1, signature);
  if (!has('M')) headers.timestamps.assign(has('D') ? 2 : 1, timestamp);
  return headers;
}

// Of a request that verified, neither the body nor the signature can be changed by a bit.
void checkBits(const SignatureCheck& check, const SignatureHeaders& headers,
               const std::string& body, WallTime now) {
  std::string other = body;
  if (other.empty()) {
    other = "x";
  } else {
    other[other.size() / 2] = static_cast<char>(other[other.size() / 2] ^ 1);
  }
  MODHOST_ASSERT(check.verify(headers, other, now) == SignatureVerdict::kWrong);
  SignatureHeaders flipped = headers;
  char& digit = flipped.signatures[0][body.size() % 64];
  digit = digit == '0' ? '1' : '0';
  MODHOST_ASSERT(check.verify(flipped, body, now) == SignatureVerdict::kWrong);
}

}  // namespace
}  // namespace modhost::host

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace modhost::host;
  static const SignatureCheck strict({kSecrets[0], kSecrets[1]}, Milliseconds(kToleranceMs));
  static const SignatureCheck ageless({kSecrets[1], kSecrets[0]}, Milliseconds(0));
  FuzzInput input(data, size);
  const std::string modes(input.line());
  const std::string signature(input.line());
  const std::string timestamp(input.line());
  const std::string body(input.rest());
  const bool any_age = modes.find('z') != std::string::npos;
  const SignatureCheck& check = any_age ? ageless : strict;
  const WallTime now{Milliseconds(kNowMs)};

  const SignatureHeaders headers = headersOf(modes, signature, timestamp, body);
  const SignatureVerdict verdict = check.verify(headers, body, now);
  MODHOST_ASSERT(verdict == expected(headers, body, any_age));
  if (verdict == SignatureVerdict::kVerified) checkBits(check, headers, body, now);
  return 0;
}
