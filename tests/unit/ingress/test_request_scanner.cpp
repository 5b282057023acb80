#include <doctest/doctest.h>

#include <random>
#include <string>

#include "host/gate/request_scanner.h"

namespace modhost::host {
namespace {

const RequestLimits kLimits{1024, 100};

Scan scanAll(const std::string& bytes, const RequestLimits& limits = kLimits) {
  RequestScanner scanner(limits);
  return scanner.scan(bytes);
}

Scan scanHead(const std::string& fields) {
  return scanAll("POST /w HTTP/1.1\r\n" + fields + "\r\n");
}

Scan scanChunks(const std::string& chunks, const RequestLimits& limits = kLimits) {
  return scanAll("POST /w HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks, limits);
}

std::string chunk(std::size_t size) {
  char line[32];
  std::snprintf(line, sizeof line, "%zx\r\n", size);
  return line + std::string(size, 'x') + "\r\n";
}

// Whole, and with no byte less and no byte more.
void checkFrame(const std::string& request) {
  CAPTURE(request);
  const std::string behind = "GET / HTTP/1.1\r\n\r\n";
  RequestScanner scanner(kLimits);
  CHECK(scanner.scan(request + behind) == Scan::kWhole);
  CHECK(scanner.requestBytes() == request.size());

  scanner.restart();
  for (std::size_t n = 0; n < request.size(); ++n) {
    REQUIRE(scanner.scan(std::string_view(request).substr(0, n)) == Scan::kMore);
  }
  CHECK(scanner.scan(request) == Scan::kWhole);
  CHECK(scanner.requestBytes() == request.size());
}

}  // namespace

TEST_SUITE("ingress") {
  TEST_CASE("scanner: a request ends where its framing says however its bytes arrive") {
    checkFrame("GET /health HTTP/1.1\r\n\r\n");
    checkFrame("GET /health HTTP/1.0\r\nHost: x\r\n\r\n");
    checkFrame("POST /w HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    checkFrame("POST /w HTTP/1.1\r\ncontent-LENGTH:   5\t\r\n\r\nhello");
    checkFrame("POST /w HTTP/1.1\r\nContent-Length: 4\r\n\r\n\r\n\r\n");
    checkFrame("POST /w HTTP/1.1\r\nTransfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n");
    checkFrame("POST /w HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    checkFrame(
        "POST /w HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        "005;a=b\r\n\r\n\r\n0\r\n2\r\n\r\n\r\n0;end\r\nX-Trailer: 1\r\nY: 2\r\n\r\n");
  }

  TEST_CASE("scanner: lengths that can be read in two ways are malformed") {
    for (const char* fields :
         {"Content-Length: 5\r\nContent-Length: 5\r\n",
          "Content-Length: 5\r\nContent-Length: 6\r\n", "Content-Length: 5, 5\r\n",
          "Content-Length: +5\r\n", "Content-Length: -5\r\n", "Content-Length: 0x5\r\n",
          "Content-Length: 5 5\r\n", "Content-Length:\r\n",
          "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
          "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
          "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
          "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: identity\r\n",
          "Transfer-Encoding: xchunked\r\n", "Transfer-Encoding:\r\n"}) {
      CAPTURE(fields);
      CHECK(scanHead(fields) == Scan::kMalformed);
    }
    CHECK(scanAll("POST /w HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n") == Scan::kMalformed);
  }

  TEST_CASE("scanner: fields that can be read in two ways are malformed") {
    for (const std::string& fields :
         {std::string("X: a\nY: b\r\n"), std::string("X: a\rY: b\r\n"), std::string("X : a\r\n"),
          std::string(" X: a\r\n"), std::string("X: a\r\n folded\r\n"), std::string("no colon\r\n"),
          std::string(": nameless\r\n"), std::string("X: a\0b\r\n", 8), std::string("X\x80: a\r\n"),
          std::string("X: \x7f\r\n"), std::string("Expect: 200-ok\r\n")}) {
      CAPTURE(fields);
      CHECK(scanHead(fields) == Scan::kMalformed);
    }
  }

  TEST_CASE("scanner: request lines other than method and target and version are malformed") {
    for (const std::string& line :
         {std::string(), std::string("POST /w"), std::string("POST  HTTP/1.1"),
          std::string("POST /w HTTP/1.1 "), std::string(" POST /w HTTP/1.1"),
          std::string("POST /a b HTTP/1.1"), std::string("POST /w HTTP/2.0"),
          std::string("POST /w http/1.1"), std::string("P(ST /w HTTP/1.1"),
          std::string("POST /\x01 HTTP/1.1"), std::string("POST /\0 HTTP/1.1", 16),
          std::string(33, 'P') + " /w HTTP/1.1", std::string("\x16\x03\x01\x02")}) {
      CAPTURE(line);
      CHECK(scanAll(line + "\r\n\r\n") == Scan::kMalformed);
    }
  }

  TEST_CASE("scanner: a head is refused at its first byte too many") {
    const std::string start = "GET / HTTP/1.1\r\nX: ";
    const std::string longest = start + std::string(1024 - start.size() - 4, 'x') + "\r\n\r\n";

    CHECK(scanAll(longest) == Scan::kWhole);
    CHECK(scanAll(start + "x" + longest.substr(start.size())) == Scan::kHeadTooLarge);
    CHECK(scanAll(std::string(1024, 'x')) == Scan::kMore);
    CHECK(scanAll(std::string(1025, 'x')) == Scan::kHeadTooLarge);
  }

  TEST_CASE("scanner: fields beyond what Poco takes are refused as too large") {
    const RequestLimits roomy{1024 * 1024, 100};
    std::string many;
    for (std::size_t i = 0; i < kFieldsMax; ++i) many += "X: 1\r\n";
    const std::string line = "GET / HTTP/1.1\r\n";

    CHECK(scanAll(line + many + "\r\n", roomy) == Scan::kWhole);
    CHECK(scanAll(line + many + "X: 1\r\n\r\n", roomy) == Scan::kHeadTooLarge);
    CHECK(scanAll(line + std::string(kFieldNameBytesMax + 1, 'n') + ": 1\r\n\r\n", roomy) ==
          Scan::kHeadTooLarge);
    CHECK(scanAll(line + "X: " + std::string(kFieldValueBytesMax + 1, 'v') + "\r\n\r\n", roomy) ==
          Scan::kHeadTooLarge);
  }

  TEST_CASE("scanner: a body too large is refused at the head") {
    CHECK(scanHead("Content-Length: 100\r\n") == Scan::kMore);
    CHECK(scanHead("Content-Length: 101\r\n") == Scan::kBodyTooLarge);
    CHECK(scanHead("Content-Length: 18446744073709551615\r\n") == Scan::kBodyTooLarge);
    CHECK(scanHead("Content-Length: 18446744073709551616\r\n") == Scan::kBodyTooLarge);
    CHECK(scanHead("Content-Length: 99999999999999999999999999\r\n") == Scan::kBodyTooLarge);
  }

  TEST_CASE("scanner: a chunked body is refused when the sum of its chunks is too large") {
    CHECK(scanChunks(chunk(60) + chunk(40) + "0\r\n\r\n") == Scan::kWhole);
    CHECK(scanChunks(chunk(60) + "29\r\n") == Scan::kBodyTooLarge);
    CHECK(scanChunks("ffffffff\r\n") == Scan::kBodyTooLarge);
  }

  TEST_CASE("scanner: the lines of a chunked body are bounded too") {
    const RequestLimits small{200, 1000};
    std::string drops, trailers = "0\r\n";
    for (int i = 0; i < 400; ++i) drops += chunk(1);
    for (int i = 0; i < 400; ++i) trailers += "X: 1\r\n";

    CHECK(scanChunks(drops, small) == Scan::kBodyTooLarge);
    CHECK(scanChunks(trailers, small) == Scan::kBodyTooLarge);
    CHECK(scanChunks("5;" + std::string(300, 'x')) == Scan::kMalformed);
    CHECK(scanChunks(std::string(300, '0')) == Scan::kMalformed);
  }

  TEST_CASE("scanner: chunks that are not framed as they must be are malformed") {
    for (const char* chunks :
         {"\r\n", "x\r\n", "-1\r\n", "+1\r\n", "0x1\r\n", "1 1\r\n", ";a\r\n", "123456789\r\n",
          "3\r\nabcd\r\n", "3\r\nabc\nX", "1\n", "5\x01\r\n"}) {
      CAPTURE(chunks);
      const Scan scan = scanChunks(chunks);
      // A bare line feed may still be followed by what makes it malformed; it is never whole.
      CHECK((scan == Scan::kMalformed || (std::string(chunks) == "1\n" && scan == Scan::kMore)));
    }
    CHECK(scanChunks("1\nx\r\n") == Scan::kMalformed);
  }

  TEST_CASE("scanner: an expectation is seen as soon as the head is read") {
    RequestScanner scanner(kLimits);
    const std::string head =
        "POST /w HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n";

    CHECK(scanner.scan(std::string_view(head).substr(0, head.size() - 1)) == Scan::kMore);
    CHECK_FALSE(scanner.expectsContinue());
    CHECK(scanner.scan(head) == Scan::kMore);
    CHECK(scanner.expectsContinue());
    scanner.restart();
    CHECK_FALSE(scanner.expectsContinue());
  }

  // A small fuzzer that runs everywhere: mutated requests, cut into pieces at random, are judged as
  // the whole is.
  TEST_CASE("scanner: pieces and whole are judged alike for mutated requests") {
    const std::string seeds[] = {
        "POST /w HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
        "POST /w HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n0\r\nT: 1\r\n\r\n"};
    const std::string bytes = "\r\n\r\n :;05aX\t\0\x80";
    std::mt19937 random(20261123);
    auto below = [&](std::size_t n) {
      return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
    };
    for (int round = 0; round < 20'000; ++round) {
      std::string request = seeds[below(2)];
      for (std::size_t edits = below(4); edits > 0; --edits) {
        const std::size_t at = below(request.size());
        if (below(2) == 0)
          request[at] = bytes[below(bytes.size())];
        else
          request.erase(at, 1);
      }
      CAPTURE(request);
      RequestScanner whole(kLimits), pieces(kLimits);
      const Scan expected = whole.scan(request);
      Scan scan = Scan::kMore;
      for (std::size_t n = 0; n < request.size() && scan == Scan::kMore;) {
        n += 1 + below(request.size() - n);
        scan = pieces.scan(std::string_view(request).substr(0, n));
      }
      REQUIRE(scan == expected);
      if (scan == Scan::kWhole) REQUIRE(pieces.requestBytes() == whole.requestBytes());
    }
  }
}

}  // namespace modhost::host
