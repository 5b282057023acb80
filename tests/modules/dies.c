/* Ends its process in the way the event's type says, while "test.wait" waits for a platform call. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tiny.h"

static int overflow(volatile char* before) {
  volatile char frame[4096];
  frame[0] = 0;
  if (before != NULL && before[0] != 0) return 0;  /* never, but the compiler cannot know */
  return overflow(frame) + frame[0];
}

static void replied(void* user, const modhost_reply* reply) {
  (void)reply;
  tiny_complete((modhost_attempt*)user, MODHOST_OK, "");
}

static void handle(void* instance, const modhost_event* event, modhost_attempt* attempt) {
  (void)instance;
  if (tiny_type_is(event, "test.segv")) raise(SIGSEGV);
  if (tiny_type_is(event, "test.null")) *(volatile int*)NULL = 1;
  if (tiny_type_is(event, "test.overflow")) overflow(NULL);
  if (tiny_type_is(event, "test.abort")) abort();
  if (tiny_type_is(event, "test.exit")) _exit(3);
  if (tiny_type_is(event, "test.stop")) raise(SIGSTOP);
  if (tiny_type_is(event, "test.child")) {
    const pid_t child = fork();
    if (child == 0) raise(SIGSEGV);
    waitpid(child, NULL, 0);
  }
  if (tiny_type_is(event, "test.stderr")) fprintf(stderr, "last words\n");
  if (tiny_type_is(event, "test.wait")) {
    modhost_request request = {sizeof request, 0, tiny_view("GET"), tiny_view("/wait"), {NULL, 0}};
    tiny_host->call(tiny_host->host, attempt, &request, replied, attempt);
    return;
  }
  tiny_complete(attempt, MODHOST_OK, "");
}

TINY_MODULE("dies", .handle = handle)
