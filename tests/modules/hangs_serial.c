/* As hangs.c, but bears one handle() at once. "test.hang" hangs until the platform answers a call,
 * whatever it is told; anything else is handled. */
#include <pthread.h>

#include "tiny.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

typedef struct {
  int answered;
} waiter;

static void answered(void* user, const modhost_reply* reply) {
  (void)reply;
  pthread_mutex_lock(&mutex);
  ((waiter*)user)->answered = 1;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&mutex);
}

static void handle(void* instance, const modhost_event* event, modhost_attempt* attempt) {
  (void)instance;
  if (tiny_type_is(event, "test.hang")) {
    waiter wait = {0};
    modhost_request request = {sizeof request, 0, tiny_view("GET"), tiny_view("/hang"), {NULL, 0}};
    tiny_host->call(tiny_host->host, attempt, &request, answered, &wait);
    pthread_mutex_lock(&mutex);
    while (!wait.answered) pthread_cond_wait(&changed, &mutex);
    pthread_mutex_unlock(&mutex);
  }
  tiny_complete(attempt, MODHOST_OK, "");
}

TINY_MODULE("hangs-serial", .handle = handle, .concurrency_max = 1)
