/* A descriptor that says it is smaller than ABI 1.0's. */
#include "tiny.h"

TINY_MODULE("short-descriptor", .size = 16)
