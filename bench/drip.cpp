// drip PORT heads|bodies DRIPPING IDLE: opens DRIPPING connections that send one byte a second, and
// IDLE ones that send nothing, until it is killed. `heads` drips a request's head, `bodies` sends
// the head at once and drips the body. What the server closes is opened again within the second.
// Prints "up" when all stand.
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "bench/http_peer.h"

namespace modhost::bench {
namespace {

constexpr int kTicks = 20;  // a second: each serves its share of the connections
constexpr std::string_view kHead =
    "POST /webhook HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    "X-Unique-Signature: 00\r\nX-Unique-Created-At: 1767225600\r\nContent-Length: 4096\r\n\r\n";

class Dripper {
 public:
  Dripper(int port, std::size_t sent_at_once) : port_(port), sent_at_once_(sent_at_once) {}

  void open() {
    fd_ = connectToLoopback(port_);
    setNonBlocking(fd_.get());
    sent_ = sent_at_once_;
    if (sent_ > 0) send(kHead.substr(0, sent_));
  }

  // One byte more, or a fresh start when the server has had enough.
  void drip() {
    std::array<char, 4'096> answer;
    const ssize_t got = ::recv(fd_.get(), answer.data(), answer.size(), 0);
    const bool closed = got == 0 || (got < 0 && errno != EAGAIN);
    if (got > 0 || closed) return open();
    if (drips()) send(sent_ < kHead.size() ? kHead.substr(sent_, 1) : "x");
    ++sent_;
  }

  void idle() { idle_ = true; }

 private:
  bool drips() const { return !idle_; }
  void send(std::string_view bytes) const {
    ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }

  const int port_;
  const std::size_t sent_at_once_;
  bool idle_ = false;
  host::Fd fd_;
  std::size_t sent_ = 0;
};

[[noreturn]] void run(std::vector<Dripper> drippers) {
  for (Dripper& dripper : drippers) dripper.open();
  std::printf("up\n");
  std::fflush(stdout);
  for (std::size_t tick = 0;; ++tick) {
    for (std::size_t i = tick % kTicks; i < drippers.size(); i += kTicks) drippers[i].drip();
    ::poll(nullptr, 0, 1'000 / kTicks);
  }
}

}  // namespace
}  // namespace modhost::bench

int main(int argc, char** argv) {
  using modhost::bench::Dripper;
  if (argc != 5) {
    std::fprintf(stderr, "usage: drip PORT heads|bodies DRIPPING IDLE\n");
    return 2;
  }
  modhost::bench::raiseFileLimit();
  const bool bodies = std::string_view(argv[2]) == "bodies";
  std::vector<Dripper> drippers;
  for (int i = 0; i < std::atoi(argv[3]); ++i) {
    drippers.emplace_back(std::atoi(argv[1]), bodies ? modhost::bench::kHead.size() : 0);
  }
  for (int i = 0; i < std::atoi(argv[4]); ++i) {
    drippers.emplace_back(std::atoi(argv[1]), 0);
    drippers.back().idle();
  }
  try {
    modhost::bench::run(std::move(drippers));
  } catch (const std::system_error& error) {
    std::fprintf(stderr, "drip: %s\n", error.what());
    return 1;
  }
}
