#include "host/ingress/signature.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>

namespace modhost::host {

namespace {

bool missing(const std::vector<std::string>& values) {
  return std::all_of(values.begin(), values.end(),
                     [](const std::string& value) { return value.empty(); });
}

// from_chars takes a sign; digits alone are a time.
std::optional<std::int64_t> unixSeconds(std::string_view text) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) return {};
  std::int64_t seconds = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (read.ec != std::errc() || seconds == 0) return {};
  return seconds;
}

bool olderThan(std::int64_t seconds, Milliseconds tolerance, WallTime now) {
  const std::int64_t now_ms = now.time_since_epoch().count();
  if (seconds > now_ms / 1000) return false;  // the future, and what would overflow as milliseconds
  return now_ms - seconds * 1000 > tolerance.count();
}

}  // namespace

SignatureCheck::SignatureCheck(const std::vector<SigningSecret>& secrets, Milliseconds tolerance)
    : tolerance_(tolerance) {
  keys_.reserve(secrets.size());
  for (const SigningSecret& secret : secrets) {
    keys_.push_back({HmacKey(secret.text), secret.expires});
  }
}

SignatureVerdict SignatureCheck::verify(const SignatureHeaders& headers, std::string_view body,
                                        WallTime now) const {
  if (missing(headers.signatures) || missing(headers.timestamps)) return SignatureVerdict::kMissing;
  if (headers.signatures.size() > 1 || headers.timestamps.size() > 1)
    return SignatureVerdict::kWrong;
  const SignatureVerdict verdict = verdictOf(headers.signatures.front(), body, now);
  if (verdict != SignatureVerdict::kVerified) return verdict;
  const auto seconds = unixSeconds(headers.timestamps.front());
  if (!seconds) return SignatureVerdict::kBadTimestamp;
  const bool stale = tolerance_.count() > 0 && olderThan(*seconds, tolerance_, now);
  return stale ? SignatureVerdict::kStale : SignatureVerdict::kVerified;
}

SecretCounts SignatureCheck::countSecrets(WallTime now) const {
  const auto expired = std::count_if(keys_.begin(), keys_.end(),
                                     [now](const Key& key) { return key.expires <= now; });
  return {keys_.size(), static_cast<std::size_t>(expired)};
}

SignatureVerdict SignatureCheck::verdictOf(std::string_view signature, std::string_view body,
                                           WallTime now) const {
  const std::optional<Digest> given = digestFromHex(signature);
  if (!given) return SignatureVerdict::kWrong;
  SignatureVerdict verdict = SignatureVerdict::kWrong;
  for (const Key& one : keys_) {
    const bool fits = equalConstantTime(one.key.sign(body), *given);
    if (!fits || verdict == SignatureVerdict::kVerified) continue;
    verdict = now < one.expires ? SignatureVerdict::kVerified : SignatureVerdict::kExpired;
  }
  return verdict;
}

}  // namespace modhost::host
