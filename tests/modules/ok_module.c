/* Does what a module should; says which event it saw in its outcome, its log and a metric. */
#include "tiny.h"

static void handle(void* instance, const modhost_event* event, modhost_attempt* attempt) {
  (void)instance;
  char text[256] = {0};
  memcpy(text, event->id.data, event->id.size < 255 ? event->id.size : 255);
  tiny_host->log(tiny_host->host, attempt, MODHOST_LOG_INFO, tiny_view("seen"), tiny_view("{\"n\":1}"));
  tiny_host->metric(tiny_host->host, MODHOST_METRIC_COUNTER, tiny_view("seen_total"), 1);
  tiny_complete(attempt, MODHOST_OK, text);
}

TINY_MODULE("ok-module", .handle = handle)
