/* Its constructor says more than a pipe holds. */
#include <stdio.h>

#include "tiny.h"

__attribute__((constructor)) static void loaded(void) {
  for (int line = 0; line < 4096; ++line) fprintf(stderr, "%49d\n", line);
}
TINY_MODULE("noisy-on-load", .reserved = 0)
