// What a stranger sends to the webhook's port: a byte that says how it is cut into pieces, then
// the bytes. Poco reads a whole request again after the scanner, so both must see the same one.
#include <Poco/Net/HTTPRequest.h>

#include <sstream>
#include <string>

#include "host/base/assert.h"
#include "host/gate/request_scanner.h"
#include "tests/fuzz/fuzz_input.h"

namespace modhost::host {
namespace {

const RequestLimits kLimits{1024, 512};

struct Scanned {
  Scan scan = Scan::kMore;
  std::size_t request_bytes = 0;
  std::size_t needed = 0;  // bytes given when the answer came
  bool expects_continue = false;
};

Scanned scanAtOnce(std::string_view bytes) {
  RequestScanner scanner(kLimits);
  const Scan scan = scanner.scan(bytes);
  return {scan, scanner.requestBytes(), bytes.size(), scanner.expectsContinue()};
}

Scanned scanInPieces(FuzzInput input, std::uint8_t seed) {
  RequestScanner scanner(kLimits);
  const std::string_view bytes = input.rest();
  std::uint32_t salt = seed;
  Scan scan = scanner.scan({});
  while (scan == Scan::kMore && !input.rest().empty()) {
    input.piece(salt);
    scan = scanner.scan(bytes.substr(0, bytes.size() - input.rest().size()));
  }
  return {scan, scanner.requestBytes(), bytes.size() - input.rest().size(),
          scanner.expectsContinue()};
}

// Neither less nor more than its bytes make the request whole.
void checkEnds(std::string_view bytes, const Scanned& whole) {
  MODHOST_ASSERT(whole.request_bytes <= bytes.size());
  const std::string_view request = bytes.substr(0, whole.request_bytes);
  const Scanned alone = scanAtOnce(request);
  MODHOST_ASSERT(alone.scan == Scan::kWhole && alone.request_bytes == request.size());
  MODHOST_ASSERT(scanAtOnce(request.substr(0, request.size() - 1)).scan == Scan::kMore);
}

void checkAsPocoReadsIt(std::string_view request) {
  std::istringstream stream{std::string(request)};
  Poco::Net::HTTPRequest read;
  read.read(stream);  // whatever it throws ends the run
  const std::size_t head = request.find("\r\n\r\n") + 4;
  MODHOST_ASSERT(read.getMethod() == request.substr(0, request.find(' ')));
  if (read.getChunkedTransferEncoding()) {
    MODHOST_ASSERT(!read.hasContentLength());
  } else {
    const auto body = read.hasContentLength() ? read.getContentLength64() : 0;
    MODHOST_ASSERT(head + static_cast<std::size_t>(body) == request.size());
  }
}

}  // namespace
}  // namespace modhost::host

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace modhost::host;
  FuzzInput input(data, size);
  const std::uint8_t seed = input.byte();
  const std::string_view bytes = input.rest();
  const Scanned at_once = scanAtOnce(bytes);
  const Scanned in_pieces = scanInPieces(input, seed);
  MODHOST_ASSERT(at_once.scan == in_pieces.scan);
  MODHOST_ASSERT(in_pieces.scan != Scan::kMore || in_pieces.needed == bytes.size());
  if (at_once.scan != Scan::kWhole) return 0;
  MODHOST_ASSERT(at_once.request_bytes == in_pieces.request_bytes);
  MODHOST_ASSERT(at_once.expects_continue == in_pieces.expects_continue);
  checkEnds(bytes, at_once);
  checkAsPocoReadsIt(bytes.substr(0, at_once.request_bytes));
  return 0;
}
