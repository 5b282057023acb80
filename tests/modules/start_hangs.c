/* Is never ready. */
#include <unistd.h>

#include "tiny.h"

static int32_t start(void* instance, modhost_view config, modhost_error_buffer* error) {
  (void)instance, (void)config, (void)error;
  while (pause() != 0) continue;
  return 0;
}

TINY_MODULE("start-hangs", .start = start)
