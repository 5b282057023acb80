/* A module in ten lines of C: each file here includes this, says what is special about it, and
 * exports itself with TINY_MODULE. Whatever it does not set does the harmless thing. */
#ifndef MODHOST_TESTS_TINY_H
#define MODHOST_TESTS_TINY_H

#include <modhost/abi.h>
#include <stddef.h>
#include <string.h>

#define TINY_UNUSED __attribute__((unused))
#define TINY_TEXT(literal) \
  { literal, sizeof(literal) - 1 }

static const modhost_host* tiny_host TINY_UNUSED;

TINY_UNUSED static modhost_view tiny_view(const char* text) {
  const modhost_view view = {text, strlen(text)};
  return view;
}

TINY_UNUSED static void tiny_complete(modhost_attempt* attempt, int32_t kind, const char* text) {
  modhost_outcome outcome = {sizeof outcome, kind, 0, tiny_view(text)};
  tiny_host->complete(tiny_host->host, attempt, &outcome);
}

TINY_UNUSED static int tiny_type_is(const modhost_event* event, const char* type) {
  return event->type.size == strlen(type) && memcmp(event->type.data, type, strlen(type)) == 0;
}

TINY_UNUSED static int32_t tiny_refuse(modhost_error_buffer* error, const char* why) {
  error->used = strlen(why);
  memcpy(error->data, why, strlen(why));
  return 1;
}

TINY_UNUSED static void* tiny_create(const modhost_host* host, modhost_error_buffer* error) {
  (void)error;
  tiny_host = host;
  return &tiny_host;
}
TINY_UNUSED static int32_t tiny_start(void* instance, modhost_view config,
                                      modhost_error_buffer* error) {
  (void)instance, (void)config, (void)error;
  return 0;
}
TINY_UNUSED static void tiny_handle(void* instance, const modhost_event* event,
                                    modhost_attempt* attempt) {
  (void)instance, (void)event;
  tiny_complete(attempt, MODHOST_OK, "");
}
TINY_UNUSED static void tiny_nothing(void* instance) { (void)instance; }

typedef struct {
  uint32_t name_size, description_size, type;
  char name[8];
  modhost_note note;
} tiny_elf_note;

#define TINY_NOTE(id_, major_, minor_)                                 \
  __attribute__((section(MODHOST_NOTE_SECTION), used,                  \
                 aligned(4))) static const tiny_elf_note tiny_note = { \
      8,                                                               \
      sizeof(modhost_note),                                            \
      MODHOST_NOTE_TYPE,                                               \
      MODHOST_NOTE_NAME,                                               \
      {sizeof(modhost_note), sizeof(void*), major_, minor_, 0, id_, "1.2.3", "tiny C"}}

/* The whole module; members of modhost_module as designated initialisers override what stands here.
 */
#define TINY_MODULE(id_, ...)                           \
  TINY_NOTE(id_, MODHOST_ABI_MAJOR, MODHOST_ABI_MINOR); \
  TINY_DESCRIPTOR(id_, __VA_ARGS__)

#define TINY_DESCRIPTOR(id_, ...)                                                              \
  _Pragma("GCC diagnostic push") _Pragma(                                                      \
      "GCC diagnostic ignored \"-Woverride-init\"") static const modhost_view tiny_types[] = { \
      TINY_TEXT("test.*")};                                                                    \
  static const modhost_module tiny_module = {                                                  \
      .size = sizeof(modhost_module),                                                          \
      .abi_major = MODHOST_ABI_MAJOR,                                                          \
      .abi_min_minor = MODHOST_ABI_MINOR,                                                      \
      .id = TINY_TEXT(id_),                                                                    \
      .version = TINY_TEXT("1.2.3"),                                                           \
      .description = TINY_TEXT("for a test"),                                                  \
      .event_types = tiny_types,                                                               \
      .event_types_count = 1,                                                                  \
      .concurrency_max = 8,                                                                    \
      .timeout_default_ms = 5000,                                                              \
      .isolation_allowed = MODHOST_ISOLATION_WORKER | MODHOST_ISOLATION_IN_PROCESS,            \
      .create = tiny_create,                                                                   \
      .start = tiny_start,                                                                     \
      .handle = tiny_handle,                                                                   \
      .stop = tiny_nothing,                                                                    \
      .destroy = tiny_nothing,                                                                 \
      __VA_ARGS__};                                                                            \
  _Pragma("GCC diagnostic pop") __attribute__((visibility("default"))) const modhost_module*   \
  modhost_module_v1(const modhost_host_info* host) {                                           \
    (void)host;                                                                                \
    return &tiny_module;                                                                       \
  }

#endif
