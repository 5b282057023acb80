// What the benchmarks' programs share: percentiles, and a line of JSON for the driver.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <vector>

namespace modhost::bench {

inline double milliseconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

// `share` of the values is not greater; 0 when there is none. Sorts them.
inline double percentile(std::vector<double>& values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const auto last = values.size() - 1;
  return values[std::min(last, static_cast<std::size_t>(share * static_cast<double>(last) + 0.5))];
}

}  // namespace modhost::bench
