// send_chosen HOST_PORT PLATFORM_PORT COUNT RATE CONNECTIONS [FIRST]: posts COUNT chosen events to
// the host, RATE a second (0: as fast as CONNECTIONS keep-alive connections take them), then waits
// until load_platform has seen the end of each. Prints the platform's summary with what the posts
// said, as one line of JSON. Exits 1 when a minute passes without another end.
#include <poll.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "bench/bench_event.h"
#include "bench/http_peer.h"
#include "bench/latency.h"
#include "host/base/crypto.h"
#include "host/base/mutex.h"
#include "host/base/thread.h"

namespace modhost::bench {
namespace {

constexpr std::chrono::seconds kSilenceMax{60};
constexpr int kPollMs = 10;

struct Order {
  int host_port = 0, platform_port = 0;
  std::uint64_t count = 0;
  double rate = 0;
  int connections = 1;
  std::uint64_t first = 0;
};

class Sender {
 public:
  explicit Sender(const Order& order) : order_(order) {}

  // Returns when every event was posted. The seconds it took.
  double post() {
    start_ = std::chrono::steady_clock::now();
    {
      std::vector<host::Thread> threads;
      for (int i = 0; i < order_.connections; ++i) {
        threads.emplace_back("post", [this] { postSome(); });
      }
    }
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

  void addTo(nlohmann::json& result) {
    host::MutexLock lock(mutex_);
    result["posted"] = acks_ms_.size();
    result["refused"] = refused_;
    result["ack_p50_ms"] = percentile(acks_ms_, 0.50);
    result["ack_p99_ms"] = percentile(acks_ms_, 0.99);
  }

 private:
  void postSome() {
    const host::HmacKey key{kBenchSecret};
    HttpClient client(order_.host_port);
    for (std::uint64_t i = next_++; i < order_.count; i = next_++) {
      waitForTurn(i);
      const SteadyTime posted_at = std::chrono::steady_clock::now();
      const std::string body = chosenBody({order_.first + i, posted_at});
      const int status = client.exchange(webhookRequest(key, body, std::time(nullptr))).status;
      count(status, milliseconds(std::chrono::steady_clock::now() - posted_at));
    }
  }

  void waitForTurn(std::uint64_t i) const {
    if (order_.rate <= 0) return;
    const std::chrono::duration<double> after(static_cast<double>(i) / order_.rate);
    std::this_thread::sleep_until(start_ +
                                  std::chrono::duration_cast<std::chrono::nanoseconds>(after));
  }

  void count(int status, double ack_ms) {
    host::MutexLock lock(mutex_);
    if (status != 200) ++refused_;
    acks_ms_.push_back(ack_ms);
  }

  const Order order_;
  SteadyTime start_{};
  std::atomic<std::uint64_t> next_{0};
  host::Mutex mutex_;
  std::vector<double> acks_ms_ GUARDED_BY(mutex_);
  std::int64_t refused_ GUARDED_BY(mutex_) = 0;
};

nlohmann::json ask(HttpClient& platform, const std::string& path) {
  const auto reply = platform.exchange("GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
  return nlohmann::json::parse(reply.body);
}

std::uint64_t endsOf(const nlohmann::json& answer) {
  return answer["answered"].get<std::uint64_t>() + answer["apologised"].get<std::uint64_t>();
}

// The platform's summary once `count` conversations have ended, or none has for a minute.
nlohmann::json waitForEnds(int platform_port, std::uint64_t count) {
  HttpClient platform(platform_port);
  std::uint64_t seen = 0;
  SteadyTime seen_at = std::chrono::steady_clock::now();
  for (;;) {
    const std::uint64_t ended = endsOf(ask(platform, "/bench/ends"));
    const SteadyTime now = std::chrono::steady_clock::now();
    if (ended != seen) seen_at = now;
    seen = ended;
    if (ended >= count || now - seen_at > kSilenceMax) return ask(platform, "/bench/summary");
    ::poll(nullptr, 0, kPollMs);
  }
}

int run(const Order& order) {
  Sender sender(order);
  const double posting_seconds = sender.post();
  nlohmann::json result = waitForEnds(order.platform_port, order.count);
  sender.addTo(result);
  result["posting_seconds"] = posting_seconds;
  std::printf("%s\n", result.dump().c_str());
  return endsOf(result) >= order.count ? 0 : 1;
}

}  // namespace
}  // namespace modhost::bench

int main(int argc, char** argv) {
  if (argc < 6) {
    std::fprintf(stderr,
                 "usage: send_chosen HOST_PORT PLATFORM_PORT COUNT RATE CONNECTIONS [FIRST]\n");
    return 2;
  }
  modhost::bench::Order order;
  order.host_port = std::atoi(argv[1]);
  order.platform_port = std::atoi(argv[2]);
  order.count = std::strtoull(argv[3], nullptr, 10);
  order.rate = std::atof(argv[4]);
  order.connections = std::atoi(argv[5]);
  if (argc > 6) order.first = std::strtoull(argv[6], nullptr, 10);
  return modhost::bench::run(order);
}
