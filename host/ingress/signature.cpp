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

SignatureCheck::SignatureCheck(const std::vector<std::string>& secrets, Milliseconds tolerance)
    : tolerance_(tolerance) {
  keys_.reserve(secrets.size());
  for (const std::string& secret : secrets) keys_.emplace_back(secret);
}

SignatureVerdict SignatureCheck::verify(const SignatureHeaders& headers, std::string_view body,
                                        WallTime now) const {
  if (missing(headers.signatures) || missing(headers.timestamps)) return SignatureVerdict::kMissing;
  if (headers.signatures.size() > 1 || headers.timestamps.size() > 1)
    return SignatureVerdict::kWrong;
  if (!signedByAnySecret(headers.signatures.front(), body)) return SignatureVerdict::kWrong;
  const auto seconds = unixSeconds(headers.timestamps.front());
  if (!seconds) return SignatureVerdict::kBadTimestamp;
  const bool stale = tolerance_.count() > 0 && olderThan(*seconds, tolerance_, now);
  return stale ? SignatureVerdict::kStale : SignatureVerdict::kVerified;
}

bool SignatureCheck::signedByAnySecret(std::string_view signature, std::string_view body) const {
  const std::optional<Digest> given = digestFromHex(signature);
  if (!given) return false;
  bool matches = false;
  for (const HmacKey& key : keys_) {
    const bool fits = equalConstantTime(key.sign(body), *given);
    matches = matches || fits;
  }
  return matches;
}

}  // namespace modhost::host
