/* Calls the path that is the event's body ("test.body": with the event's body as its own), and says how that
 * went: OK with the reply's body for a 2xx, RETRY for any other status, REJECT when refused, SKIPPED when
 * cancelled, FAILED else. */
#include "tiny.h"

static void replied(void* user, const modhost_reply* reply) {
  modhost_outcome outcome = {sizeof outcome, MODHOST_FAILED, 0, reply->error_text};
  if (reply->error == MODHOST_CALL_REFUSED) outcome.kind = MODHOST_REJECT;
  if (reply->error == MODHOST_CALL_CANCELLED) outcome.kind = MODHOST_SKIPPED;
  if (reply->error == MODHOST_CALL_OK) {
    outcome.kind = reply->http_status / 100 == 2 ? MODHOST_OK : MODHOST_RETRY;
    outcome.retry_after_ms = reply->http_status;
    outcome.text = reply->body;
  }
  tiny_host->complete(tiny_host->host, (modhost_attempt*)user, &outcome);
}

static void handle(void* instance, const modhost_event* event, modhost_attempt* attempt) {
  (void)instance;
  modhost_request request = {sizeof request, 0, tiny_view("POST"), event->body, tiny_view("{\"a\":1}")};
  if (tiny_type_is(event, "test.body")) {
    request.path = tiny_view("/body");
    request.body = event->body;
  }
  tiny_host->call(tiny_host->host, attempt, &request, replied, attempt);
}

TINY_MODULE("call-maker", .handle = handle)
