/* Ends an attempt two times, and one that never was. */
#include "tiny.h"

static void handle(void* instance, const modhost_event* event, modhost_attempt* attempt) {
  (void)instance, (void)event;
  tiny_complete(attempt, MODHOST_OK, "first");
  tiny_complete(attempt, MODHOST_FAILED, "second");
  tiny_complete((modhost_attempt*)(uintptr_t)0x7777777, MODHOST_FAILED, "never was");
}

TINY_MODULE("completes-twice", .handle = handle)
