/* Made, but does not start. */
#include "tiny.h"

static int32_t start(void* instance, modhost_view config, modhost_error_buffer* error) {
  (void)instance, (void)config;
  return tiny_refuse(error, "the index is missing");
}

TINY_MODULE("start-refuses", .start = start)
