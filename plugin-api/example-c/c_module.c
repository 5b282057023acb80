/* c-module: a whole module in C. For each event it makes one search, asynchronously: handle()
 * returns at once, and the reply completes the attempt. docs/abi.md walks through it. */
#include <modhost/abi.h>
#include <stdlib.h>
#include <string.h>

#define ID "c-module"
#define VERSION "1.0.0"
#define VIEW(literal) \
  { (literal), sizeof(literal) - 1 }

/* ---- the note: what the host reads before it loads this file
 * ------------------------------------------- */

static const struct {
  uint32_t name_size, content_size, type;
  char name[8];
  modhost_note content;
} note __attribute__((used, retain, aligned(4), section(MODHOST_NOTE_SECTION))) = {
    8,
    sizeof(modhost_note),
    MODHOST_NOTE_TYPE,
    MODHOST_NOTE_NAME,
    {sizeof(modhost_note), sizeof(void*), MODHOST_ABI_MAJOR, 0, 0, ID, VERSION, "plain C"}};

/* ---- an instance, and one attempt in flight
 * -------------------------------------------------------------- */

/* Copied: the host's table may be longer or shorter than ours. */
typedef struct {
  modhost_host host;
} instance_t;

typedef struct {
  const modhost_host* host;
  modhost_attempt* attempt;
} flight_t;

static void refuse(modhost_error_buffer* error, const char* why) {
  uint64_t size = strlen(why);
  if (size > error->capacity) size = error->capacity;
  memcpy(error->data, why, size);
  error->used = size;
}

static void complete(const modhost_host* host, modhost_attempt* attempt, int32_t kind,
                     const char* why) {
  const modhost_outcome outcome = {sizeof(outcome), kind, 0, {why, strlen(why)}};
  host->complete(host->host, attempt, &outcome);
}

static void* create(const modhost_host* host, modhost_error_buffer* error) {
  instance_t* self = calloc(1, sizeof(*self));
  if (!self) {
    refuse(error, "no memory");
    return NULL;
  }
  memcpy(&self->host, host, host->size < sizeof(self->host) ? host->size : sizeof(self->host));
  if (!self->host.call || !self->host.complete) {
    refuse(error, "the host lacks a function that this module needs");
    free(self);
    return NULL;
  }
  return self;
}

static int32_t start(void* instance, modhost_view config, modhost_error_buffer* error) {
  (void)instance, (void)config, (void)error;
  return 0;
}

/* On any thread of the host: must not block. After complete(), `attempt` is gone. */
static void on_reply(void* user, const modhost_reply* reply) {
  flight_t* flight = user;
  const int is_ok = reply->error == MODHOST_CALL_OK && reply->http_status / 100 == 2;
  complete(flight->host, flight->attempt, is_ok ? MODHOST_OK : MODHOST_FAILED,
           is_ok ? "" : "the search failed");
  free(flight);
}

static void handle(void* instance, const modhost_event* event, modhost_attempt* attempt) {
  instance_t* self = instance;
  flight_t* flight = malloc(sizeof(*flight));
  if (!flight) {
    complete(&self->host, attempt, MODHOST_RETRY, "no memory");
    return;
  }
  *flight = (flight_t){&self->host, attempt};

  /* A real module would take its words from event->body, with a JSON library of its choice. */
  (void)event;
  const modhost_request request = {
      sizeof(request), 0, VIEW("POST"), VIEW("/search/search"),
      VIEW("{\"searchString\":\"opening hours\",\"searchType\":\"COMBINED\",\"limit\":1}")};
  self->host.call(self->host.host, attempt, &request, on_reply, flight);
}

static void stop(void* instance) { (void)instance; }

static void destroy(void* instance) { free(instance); }

/* ---- the one exported function
 * --------------------------------------------------------------------------- */

__attribute__((visibility("default"))) const modhost_module* modhost_module_v1(
    const modhost_host_info* host) {
  (void)host;
  static const modhost_view event_types[] = {VIEW("unique.chat.external-module.chosen")};
  static const modhost_module module = {
      .size = sizeof(module),
      .abi_major = MODHOST_ABI_MAJOR,
      .abi_min_minor = 0,
      .id = VIEW(ID),
      .version = VIEW(VERSION),
      .description = VIEW("Makes one search per event, from plain C"),
      .event_types = event_types,
      .event_types_count = 1,
      .config_schema = VIEW("{\"type\":\"object\",\"additionalProperties\":false}"),
      .concurrency_max = 64,
      .timeout_default_ms = 10000,
      .isolation_allowed = MODHOST_ISOLATION_WORKER | MODHOST_ISOLATION_IN_PROCESS,
      .create = create,
      .start = start,
      .handle = handle,
      .stop = stop,
      .destroy = destroy,
  };
  return &module;
}
