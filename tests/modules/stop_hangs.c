/* Handles everything, and never returns from its stop(). */
#include <unistd.h>

#include "tiny.h"

static void stop(void* instance) {
  (void)instance;
  for (;;) pause();
}

TINY_MODULE("stop-hangs", .stop = stop)
