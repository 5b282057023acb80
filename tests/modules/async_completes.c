/* Ends its attempts on a thread of its own, after handle() has returned; joins it in stop(). */
#include <pthread.h>

#include "tiny.h"

#define WAITING_MAX 64
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_t thread;
static modhost_attempt* waiting[WAITING_MAX];
static int count, stopping;

static void* work(void* unused) {
  (void)unused;
  pthread_mutex_lock(&mutex);
  while (!stopping || count > 0) {
    if (count == 0) {
      pthread_cond_wait(&changed, &mutex);
      continue;
    }
    modhost_attempt* const attempt = waiting[--count];
    pthread_mutex_unlock(&mutex);
    tiny_complete(attempt, MODHOST_OK, "later");
    pthread_mutex_lock(&mutex);
  }
  pthread_mutex_unlock(&mutex);
  return NULL;
}

static int32_t start(void* instance, modhost_view config, modhost_error_buffer* error) {
  (void)instance, (void)config;
  stopping = 0;
  return pthread_create(&thread, NULL, work, NULL) == 0 ? 0 : tiny_refuse(error, "no thread");
}

static void handle(void* instance, const modhost_event* event, modhost_attempt* attempt) {
  (void)instance, (void)event;
  pthread_mutex_lock(&mutex);
  waiting[count++] = attempt;
  pthread_cond_signal(&changed);
  pthread_mutex_unlock(&mutex);
}

static void stop(void* instance) {
  (void)instance;
  pthread_mutex_lock(&mutex);
  stopping = 1;
  pthread_cond_signal(&changed);
  pthread_mutex_unlock(&mutex);
  pthread_join(thread, NULL);
}

TINY_MODULE("async-completes", .start = start, .handle = handle, .stop = stop)
