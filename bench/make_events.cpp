// make_events FOLDER FIRST COUNT FILES: writes COUNT signed user-message requests, numbered from
// FIRST, evenly into FOLDER/requests-0 … requests-<FILES-1>, for post_events.lua to stream: HMAC in
// Lua would measure Lua. The first line of a file names the bytes of each request; all are alike.
//
// The signature's time lies an hour ahead, which both servers take (only the past is refused), so
// that a file serves a whole run of the benchmarks.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string>

#include "bench/bench_event.h"
#include "host/base/crypto.h"

namespace modhost::bench {
namespace {

constexpr std::int64_t kAheadSeconds = 3'600;

bool writeRequests(const std::string& file, std::uint64_t first, std::uint64_t count) {
  const host::HmacKey key{kBenchSecret};
  const std::int64_t created_at = std::time(nullptr) + kAheadSeconds;
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out << webhookRequest(key, userMessageBody(first), created_at).size() << '\n';
  for (std::uint64_t i = 0; i < count; ++i) {
    out << webhookRequest(key, userMessageBody(first + i), created_at);
  }
  out.close();
  return out.good();
}

}  // namespace
}  // namespace modhost::bench

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: make_events FOLDER FIRST COUNT FILES\n");
    return 2;
  }
  const std::uint64_t first = std::strtoull(argv[2], nullptr, 10);
  const std::uint64_t files = std::strtoull(argv[4], nullptr, 10);
  const std::uint64_t each = std::strtoull(argv[3], nullptr, 10) / files;
  for (std::uint64_t i = 0; i < files; ++i) {
    const std::string file = std::string(argv[1]) + "/requests-" + std::to_string(i);
    if (!modhost::bench::writeRequests(file, first + i * each, each)) {
      std::fprintf(stderr, "make_events: cannot write %s\n", file.c_str());
      return 1;
    }
  }
  return 0;
}
