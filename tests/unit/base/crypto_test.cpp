#include "host/base/crypto.h"

#include <doctest/doctest.h>

#include <thread>
#include <vector>

namespace modhost::host {

TEST_SUITE_BEGIN("base");

// The platform's own vectors: the key is the secret's bytes as given, prefix included.
TEST_CASE("crypto: sign gives the platform's published signatures") {
  const HmacKey key("whsec_demo_secret");

  CHECK(hex(key.sign(R"({"id":"evt_demo_1","object":"event"})")) ==
        "0eb3f2f36a2f8d5dfcf44ac04f8fbec8845c48a943c3a87d8cbc54bdf6d88e58");
  CHECK(hex(key.sign("{\"id\":\"evt_demo_2\",\"text\":\"Z\xc3\xbcrich\"}")) ==
        "621c6bffaecafbb23575243d9906e9ea4e6948a7b9448d53bc52780074b47436");
}

TEST_CASE("crypto: one key signs on many threads at once") {
  const HmacKey key("k");
  const Digest expected = key.sign("body");
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (std::size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 500; ++i) wrong[t] += key.sign("body") == expected ? 0 : 1;
    });
  }
  for (std::thread& thread : threads) thread.join();

  CHECK(wrong == std::vector<int>(4, 0));
}

TEST_CASE("crypto: an empty key and an empty body have a signature") {
  CHECK(hex(HmacKey("").sign("")) ==
        "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST_CASE("crypto: sha256 of nothing is the known constant") {
  CHECK(hex(sha256("")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST_CASE("crypto: digestFromHex takes 64 digits of either case and nothing else") {
  const Digest digest = sha256("x");
  std::string text = hex(digest);

  CHECK(digestFromHex(text) == digest);
  for (char& c : text) c = static_cast<char>(std::toupper(c));
  CHECK(digestFromHex(text) == digest);
  CHECK_FALSE(digestFromHex(text.substr(1)).has_value());
  CHECK_FALSE(digestFromHex(text + "00").has_value());
  CHECK_FALSE(digestFromHex("sha256=" + text.substr(7)).has_value());
  text[10] = '\xc3';
  CHECK_FALSE(digestFromHex(text).has_value());
  CHECK_FALSE(digestFromHex("").has_value());
}

TEST_CASE("crypto: equalConstantTime sees a difference in the last bit") {
  Digest a = sha256("x");
  Digest b = a;

  CHECK(equalConstantTime(a, b));
  b.back() = static_cast<unsigned char>(b.back() ^ 1);
  CHECK_FALSE(equalConstantTime(a, b));
}

TEST_SUITE_END();

}  // namespace modhost::host
