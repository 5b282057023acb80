/* The boundary between modhost and a module: C, and nothing else crosses it. Changing this file is an ABI
 * change; docs/abi.md has the rules, the rationale and a walk through a module written in plain C.
 *
 * Rules that keep old modules running on new hosts:
 *  - Every struct starts with `size`, its size in the writer's build. Members are only ever appended; none is
 *    removed, moved or given another meaning. A reader copies min(size, sizeof its own) bytes over zeroes; a
 *    member beyond `size`, or a null function, is "not offered".
 *  - Text is UTF-8 in {data, size} views, not zero-terminated. A view is valid until the call it is passed to
 *    returns, unless its comment says longer.
 *  - No C++ type, exception or allocation crosses. Output goes through the host's functions or into the
 *    caller's buffer.
 *
 * Threads: [loader] one thread, no other call into this module running; [worker] up to the configured
 * concurrency at once; [any] any thread, at any time between create and destroy.
 */
#ifndef MODHOST_ABI_H
#define MODHOST_ABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MODHOST_ABI_MAJOR 1
#define MODHOST_ABI_MINOR 0

/* The one symbol a module exports; the major version is in its name. */
#define MODHOST_ENTRY_SYMBOL "modhost_module_v1"

typedef struct modhost_view {
  const char* data; /* may be null when size is 0 */
  uint64_t size;    /* bytes */
} modhost_view;

/* ---- the ELF note, read from the file before it is loaded --------------------------------------------- */

#define MODHOST_NOTE_NAME "modhost" /* with its zero: 8 bytes */
#define MODHOST_NOTE_TYPE 1
#define MODHOST_NOTE_SECTION ".note.modhost"

typedef struct modhost_note {
  uint32_t size;      /* sizeof(modhost_note) */
  uint32_t word_size; /* sizeof(void*) of the module: 8 */
  uint16_t abi_major;
  uint16_t abi_min_minor; /* the oldest host minor it runs on */
  uint32_t reserved;      /* 0 */
  char id[64];            /* zero-terminated; [a-z0-9-] */
  char version[32];       /* zero-terminated */
  char sdk[64];           /* zero-terminated; compiler and SDK, for messages only */
} modhost_note;

/* ---- what travels ------------------------------------------------------------------------------------- */

/* One attempt at one event. Opaque; owned by the host; valid from handle() until complete() returns. */
typedef struct modhost_attempt modhost_attempt;

/* Valid until complete() is called for its attempt (views included), so that a module may work on it from
 * another thread after handle() has returned. */
typedef struct modhost_event {
  uint32_t size;
  uint32_t attempt;  /* 1 for the first */
  modhost_view id;   /* idempotency key: the same in every attempt */
  modhost_view type; /* "unique.chat.external-module.chosen" */
  modhost_view user_id;
  modhost_view company_id;
  modhost_view chat_id;   /* empty when the event names none */
  modhost_view body;      /* the whole event as it was signed: a JSON object */
  int64_t received_at_ms; /* Unix time */
  int64_t deadline_ns;    /* CLOCK_MONOTONIC; the outcome is ignored after it */
} modhost_event;

/* Kinds of outcome; 0 is never valid. */
#define MODHOST_OK 1      /* handled */
#define MODHOST_RETRY 2   /* again after retry_after_ms (0: the operator's back-off) */
#define MODHOST_REJECT 3  /* never again: a dead letter */
#define MODHOST_SKIPPED 4 /* not for this module */
#define MODHOST_FAILED 5  /* went wrong; the operator's retry rules apply */

typedef struct modhost_outcome {
  uint32_t size;
  int32_t kind;
  int64_t retry_after_ms;
  modhost_view text; /* why, for the log: never message text */
} modhost_outcome;

/* A call to the platform's API: the host sets base, credentials, user and company. */
typedef struct modhost_request {
  uint32_t size;
  uint32_t reserved; /* 0 */
  modhost_view method;
  modhost_view path; /* starts with '/'; no scheme, no "..", no control bytes */
  modhost_view body; /* JSON; empty for none */
} modhost_request;

/* Why there is no HTTP reply. */
#define MODHOST_CALL_OK 0
#define MODHOST_CALL_REFUSED 1   /* not among the calls this module may make, or malformed */
#define MODHOST_CALL_CANCELLED 2 /* fenced: the attempt is over */
#define MODHOST_CALL_TIMEOUT 3
#define MODHOST_CALL_UNAVAILABLE 4 /* no connection, or cut, after all tries */

typedef struct modhost_reply {
  uint32_t size;
  int32_t error;       /* MODHOST_CALL_… */
  int32_t http_status; /* any status is a reply; 0 with an error */
  uint32_t reserved;
  modhost_view body;
  modhost_view error_text;
} modhost_reply;

/* Runs exactly once per call(), on any thread, maybe before call() returns. Must not block. */
typedef void (*modhost_reply_fn)(void* user, const modhost_reply* reply);

#define MODHOST_LOG_DEBUG 1
#define MODHOST_LOG_INFO 2
#define MODHOST_LOG_WARN 3
#define MODHOST_LOG_ERROR 4

#define MODHOST_METRIC_COUNTER 1   /* value is added */
#define MODHOST_METRIC_GAUGE 2     /* value is set */
#define MODHOST_METRIC_HISTOGRAM 3 /* value is observed; seconds */

/* ---- host side ---------------------------------------------------------------------------------------- */

/* Given to create(); valid until destroy() returns. Every function: [any]. `host` is its first argument. */
typedef struct modhost_host {
  uint32_t size;
  uint16_t abi_major;
  uint16_t abi_minor;
  void* host;
  /* `attempt` may be null. `fields` is a JSON object as text, or empty. */
  void (*log)(void* host, const modhost_attempt* attempt, int32_t level, modhost_view message,
              modhost_view fields);
  /* `name` [a-z0-9_], not ending in _bucket, _count or _sum; the host adds its prefix and the module's
     label. */
  void (*metric)(void* host, int32_t kind, modhost_view name, double value);
  /* Starts a platform call; `reply` gets its end. */
  void (*call)(void* host, modhost_attempt* attempt, const modhost_request* request,
               modhost_reply_fn reply, void* user);
  /* 1 once the work is no longer wanted: deadline, stop pressed by the user, shutdown. */
  int32_t (*cancelled)(void* host, const modhost_attempt* attempt);
  /* Ends the attempt; exactly once per handle(), during it or later, from any thread. `attempt` and the
   * event are gone when it returns. */
  void (*complete)(void* host, modhost_attempt* attempt, const modhost_outcome* outcome);
} modhost_host;

/* Given to the entry symbol. */
typedef struct modhost_host_info {
  uint32_t size;
  uint16_t abi_major;
  uint16_t abi_minor;
  modhost_view host_version;
} modhost_host_info;

/* ---- module side -------------------------------------------------------------------------------------- */

#define MODHOST_ISOLATION_WORKER 1u
#define MODHOST_ISOLATION_IN_PROCESS 2u

/* A buffer the caller owns: the callee writes at most `capacity` bytes and sets `used`. */
typedef struct modhost_error_buffer {
  char* data;
  uint64_t capacity;
  uint64_t used;
} modhost_error_buffer;

/* Static, valid while the module is mapped; the host copies it at once. */
typedef struct modhost_module {
  uint32_t size;
  uint16_t abi_major;
  uint16_t abi_min_minor;
  modhost_view id;      /* the same as in the note */
  modhost_view version; /* the same as in the note */
  modhost_view description;
  const modhost_view*
      event_types; /* what it is made for; a trailing '*' is a prefix. Advice, not a filter */
  uint64_t event_types_count;
  modhost_view config_schema; /* JSON Schema of its `config:`, or empty: any object */
  uint32_t concurrency_max;   /* handle() calls it can bear at once; 1: one after the other */
  uint32_t timeout_default_ms;
  uint32_t isolation_allowed; /* MODHOST_ISOLATION_… or'ed */
  uint32_t reserved;          /* 0 */

  /* [loader] Makes an instance; null with `error` filled: refused. May call host->log only. */
  void* (*create)(const modhost_host* host, modhost_error_buffer* error);
  /* [loader] 0: ready. Anything else with `error` filled: refused. `config` is a JSON object. */
  int32_t (*start)(void* instance, modhost_view config, modhost_error_buffer* error);
  /* [worker] Handles one event; ends with host->complete(), here or later. */
  void (*handle)(void* instance, const modhost_event* event, modhost_attempt* attempt);
  /* [any] May be null. The attempt is no longer wanted; host->cancelled() says so from now on. Must
     not block: the host's scheduling waits for it. */
  void (*cancel)(void* instance, modhost_attempt* attempt);
  /* [loader] After the last attempt completed, before destroy(). Join your threads here. */
  void (*stop)(void* instance);
  /* [loader] Also after a refused start(). */
  void (*destroy)(void* instance);
} modhost_module;

/* Never returns null. Must not start threads or touch the world. */
typedef const modhost_module* (*modhost_entry_fn)(const modhost_host_info* host);

#ifdef __cplusplus
}
#endif

#endif /* MODHOST_ABI_H */
