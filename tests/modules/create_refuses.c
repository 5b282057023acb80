/* No instance. */
#include "tiny.h"

static void* create(const modhost_host* host, modhost_error_buffer* error) {
  (void)host;
  tiny_refuse(error, "no instance today");
  return NULL;
}

TINY_MODULE("create-refuses", .create = create)
