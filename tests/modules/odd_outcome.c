/* An outcome that is none. */
#include "tiny.h"

static void handle(void* instance, const modhost_event* event, modhost_attempt* attempt) {
  (void)instance, (void)event;
  tiny_complete(attempt, 77, "");
}

TINY_MODULE("odd-outcome", .handle = handle)
