#include "sandbox/ids.h"

#include <array>
#include <cstdio>
#include <random>

namespace modhost::sandbox {

std::string newId(const std::string& prefix) {
  std::random_device random;
  std::array<char, 33> text{};
  std::snprintf(text.data(), text.size(), "%08x%08x%08x%08x", random(), random(), random(),
                random());
  return prefix + text.data();
}

}  // namespace modhost::sandbox
