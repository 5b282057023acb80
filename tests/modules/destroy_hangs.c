/* Handles everything and stops, and never returns from its destroy(). */
#include <unistd.h>

#include "tiny.h"

static void destroy(void* instance) {
  (void)instance;
  for (;;) pause();
}

TINY_MODULE("destroy-hangs", .destroy = destroy)
