#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "host/ingress/signature.h"

namespace modhost::host {
namespace {

constexpr char kSecret[] = "whsec_demo_secret";
// Computed apart from this code; the second body holds an umlaut in UTF-8.
const std::string kBody1 = R"({"id":"evt_demo_1","object":"event"})";
const std::string kSignature1 = "0eb3f2f36a2f8d5dfcf44ac04f8fbec8845c48a943c3a87d8cbc54bdf6d88e58";
const std::string kBody2 = "{\"id\":\"evt_demo_2\",\"text\":\"Z\xc3\xbcrich\"}";
const std::string kSignature2 = "621c6bffaecafbb23575243d9906e9ea4e6948a7b9448d53bc52780074b47436";

const WallTime kNow{Milliseconds(1'767'225'600'999)};
const std::string kNowText = "1767225600";

SignatureVerdict verify(const std::string& signature, const std::string& timestamp = kNowText,
                        Milliseconds tolerance = Milliseconds(300'000)) {
  return SignatureCheck({kSecret}, tolerance).verify({{signature}, {timestamp}}, kBody1, kNow);
}

SignatureVerdict verifyAt(const std::string& timestamp,
                          Milliseconds tolerance = Milliseconds(300'000)) {
  return verify(kSignature1, timestamp, tolerance);
}

std::string flipped(std::string hex, std::size_t at) {
  hex[at] = hex[at] == '0' ? '1' : '0';
  return hex;
}

}  // namespace

TEST_SUITE("ingress") {
  TEST_CASE("signature: the vectors of the contract verify") {
    const SignatureCheck check({kSecret}, Milliseconds(300'000));

    CHECK(check.verify({{kSignature1}, {kNowText}}, kBody1, kNow) == SignatureVerdict::kVerified);
    CHECK(check.verify({{kSignature2}, {kNowText}}, kBody2, kNow) == SignatureVerdict::kVerified);
    CHECK(check.verify({{kSignature2}, {kNowText}}, kBody1, kNow) == SignatureVerdict::kWrong);
    CHECK(check.verify({{kSignature1}, {kNowText}}, kBody1 + "\n", kNow) ==
          SignatureVerdict::kWrong);
  }

  TEST_CASE("signature: the prefix of the secret belongs to the key") {
    const SignatureCheck check({"demo_secret"}, Milliseconds(300'000));

    CHECK(check.verify({{kSignature1}, {kNowText}}, kBody1, kNow) == SignatureVerdict::kWrong);
  }

  TEST_CASE("signature: any of the secrets may have signed") {
    for (const std::vector<SigningSecret>& secrets :
         {std::vector<SigningSecret>{"other", kSecret},
          std::vector<SigningSecret>{kSecret, "other"}}) {
      const SignatureCheck check(secrets, Milliseconds(300'000));
      CHECK(check.verify({{kSignature1}, {kNowText}}, kBody1, kNow) == SignatureVerdict::kVerified);
    }
    const SignatureCheck none({"other", "another"}, Milliseconds(300'000));
    CHECK(none.verify({{kSignature1}, {kNowText}}, kBody1, kNow) == SignatureVerdict::kWrong);
  }

  TEST_CASE("signature: a secret verifies until it expires and then is called expired") {
    const SigningSecret ends{kSecret, kNow + Milliseconds(1)};
    const SigningSecret ended{kSecret, kNow};
    const auto verdict = [](std::vector<SigningSecret> secrets, WallTime now) {
      return SignatureCheck(secrets, Milliseconds(0))
          .verify({{kSignature1}, {kNowText}}, kBody1, now);
    };

    CHECK(verdict({ends}, kNow) == SignatureVerdict::kVerified);
    CHECK(verdict({ends}, kNow + Milliseconds(1)) == SignatureVerdict::kExpired);
    CHECK(verdict({ended, "other"}, kNow) == SignatureVerdict::kExpired);
    CHECK(verdict({"other", ended}, kNow) == SignatureVerdict::kExpired);
    CHECK(verdict({ended, kSecret}, kNow) == SignatureVerdict::kVerified);
    CHECK(verdict({kSecret, ended}, kNow) == SignatureVerdict::kVerified);
  }

  TEST_CASE("signature: every digit counts and anything else is wrong") {
    for (std::size_t i = 0; i < kSignature1.size(); ++i) {
      CHECK(verify(flipped(kSignature1, i)) == SignatureVerdict::kWrong);
    }
    for (const std::string& signature :
         {std::string("x"), kSignature1.substr(1), kSignature1 + "0", "sha256=" + kSignature1,
          kSignature1 + " ", std::string(64, 'g'), std::string(64, '\xff'),
          std::string(10'000, '0'), kSignature1 + "," + kSignature1, std::string(64, '\0')}) {
      CAPTURE(signature);
      CHECK(verify(signature) == SignatureVerdict::kWrong);
    }
  }

  TEST_CASE("signature: a header that is missing or empty is missing") {
    const SignatureCheck check({kSecret}, Milliseconds(300'000));

    CHECK(check.verify({{}, {kNowText}}, kBody1, kNow) == SignatureVerdict::kMissing);
    CHECK(check.verify({{kSignature1}, {}}, kBody1, kNow) == SignatureVerdict::kMissing);
    CHECK(check.verify({{""}, {kNowText}}, kBody1, kNow) == SignatureVerdict::kMissing);
    CHECK(check.verify({{kSignature1}, {""}}, kBody1, kNow) == SignatureVerdict::kMissing);
    CHECK(check.verify({{}, {}}, kBody1, kNow) == SignatureVerdict::kMissing);
  }

  TEST_CASE("signature: a header that stands twice is wrong") {
    const SignatureCheck check({kSecret}, Milliseconds(300'000));

    CHECK(check.verify({{kSignature1, kSignature1}, {kNowText}}, kBody1, kNow) ==
          SignatureVerdict::kWrong);
    CHECK(check.verify({{kSignature1}, {kNowText, kNowText}}, kBody1, kNow) ==
          SignatureVerdict::kWrong);
  }

  TEST_CASE("signature: a timestamp must be a positive integer of digits") {
    for (const char* text : {"0", "00", "+1767225600", "-1767225600", "0x6955b900", "1767225600.0",
                             " 1767225600", "1767225600 ", "17672 25600", "soon", "1e9", "\xd9\xa1",
                             "9223372036854775808", "99999999999999999999999999"}) {
      CAPTURE(text);
      CHECK(verifyAt(text) == SignatureVerdict::kBadTimestamp);
      CHECK(verifyAt(text, Milliseconds(0)) == SignatureVerdict::kBadTimestamp);
    }
  }

  TEST_CASE("signature: a timestamp is stale beyond the tolerance and not before") {
    CHECK(verifyAt("1767225301") == SignatureVerdict::kVerified);  // 299.999 s ago
    CHECK(verifyAt("1767225300") == SignatureVerdict::kStale);     // 300.999 s ago
    CHECK(verifyAt("1") == SignatureVerdict::kStale);
  }

  TEST_CASE("signature: a future timestamp passes as it proves nothing") {
    CHECK(verifyAt("1767229999") == SignatureVerdict::kVerified);
    CHECK(verifyAt("9223372036854775807") == SignatureVerdict::kVerified);
  }

  TEST_CASE("signature: tolerance zero switches the age check off") {
    CHECK(verifyAt("1", Milliseconds(0)) == SignatureVerdict::kVerified);
  }

  TEST_CASE("signature: a wrong signature is called so whatever its timestamp") {
    CHECK(verify(flipped(kSignature1, 0), "1") == SignatureVerdict::kWrong);
    CHECK(verify(flipped(kSignature1, 0), "soon") == SignatureVerdict::kWrong);
  }
}

}  // namespace modhost::host
