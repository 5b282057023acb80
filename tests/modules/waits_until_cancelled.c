/* Asks again and again whether it is still wanted, and ends well once it is not. */
#include <sched.h>

#include "tiny.h"

static void handle(void* instance, const modhost_event* event, modhost_attempt* attempt) {
  (void)instance, (void)event;
  while (!tiny_host->cancelled(tiny_host->host, attempt)) sched_yield();
  tiny_complete(attempt, MODHOST_SKIPPED, "cancelled");
}

TINY_MODULE("waits-until-cancelled", .handle = handle)
