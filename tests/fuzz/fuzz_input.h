// What libFuzzer and replay_main.cpp call, and how a target cuts its input into parts. A broken
// promise is a MODHOST_ASSERT, which aborts and so is a finding like any crash.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace modhost::host {

class FuzzInput {
 public:
  FuzzInput(const std::uint8_t* data, std::size_t size)
      : rest_(reinterpret_cast<const char*>(data), size) {}

  // 0 once nothing is left.
  std::uint8_t byte() {
    const std::string_view one = take(1);
    return one.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(one.front());
  }

  // Up to the next line end, which is dropped.
  std::string_view line() {
    const std::size_t size = rest_.find('\n');
    const std::string_view text = take(std::min(size, rest_.size()));
    take(1);
    return text;
  }

  // At least one byte, at most 64, while there are any: how a peer's bytes may arrive. Every input
  // of the same `salt` is cut in the same places.
  std::string_view piece(std::uint32_t& salt) {
    salt = salt * 1'664'525U + 1'013'904'223U;
    const std::uint32_t size = (salt >> 24) % 4 == 0 ? 1 + (salt >> 16) % 64 : 1 + (salt >> 16) % 4;
    return take(size);
  }

  std::string_view rest() const { return rest_; }

 private:
  std::string_view take(std::size_t size) {
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(taken.size());
    return taken;
  }

  std::string_view rest_;
};

}  // namespace modhost::host
