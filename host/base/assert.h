// MODHOST_ASSERT: for a programmer's mistake, never for input. On in release too: a host whose
// state is wrong must die and recover from its inbox rather than go on.
#pragma once

#include <cstdio>
#include <cstdlib>

// For the end of a switch over all enumerators.
#define MODHOST_UNREACHABLE()                                                    \
  do {                                                                           \
    std::fprintf(stderr, "%s:%d: not a valid enumerator\n", __FILE__, __LINE__); \
    std::abort();                                                                \
  } while (false)

#define MODHOST_ASSERT(condition)                                                            \
  do {                                                                                       \
    if (!(condition)) {                                                                      \
      std::fprintf(stderr, "%s:%d: assertion failed: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                          \
    }                                                                                        \
  } while (false)
