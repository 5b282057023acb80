/* Says one line at debug for each event, and is content. */
#include "tiny.h"

static void handle(void* instance, const modhost_event* event, modhost_attempt* attempt) {
  (void)instance, (void)event;
  tiny_host->log(tiny_host->host, attempt, MODHOST_LOG_DEBUG, tiny_view("thinking aloud"), tiny_view(""));
  tiny_complete(attempt, MODHOST_OK, "");
}

TINY_MODULE("says-debug", .handle = handle)
