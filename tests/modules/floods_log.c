/* Writes more, and longer, lines than it may, and metrics with names that are none. */
#include "tiny.h"

static char long_line[100 * 1024];

static void handle(void* instance, const modhost_event* event, modhost_attempt* attempt) {
  (void)instance, (void)event;
  memset(long_line, 'x', sizeof long_line);
  const modhost_view message = {long_line, sizeof long_line};
  for (int i = 0; i < 3000; ++i) {
    tiny_host->log(tiny_host->host, attempt, MODHOST_LOG_DEBUG, message, tiny_view("not json"));
    tiny_host->log(tiny_host->host, attempt, MODHOST_LOG_WARN, tiny_view("flood"), message);
  }
  tiny_host->metric(tiny_host->host, MODHOST_METRIC_COUNTER, tiny_view("Bad Name"), 1);
  tiny_host->metric(tiny_host->host, 99, tiny_view("good_name"), 1);
  tiny_complete(attempt, MODHOST_OK, "");
}

TINY_MODULE("floods-log", .handle = handle)
