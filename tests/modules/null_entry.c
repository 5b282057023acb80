/* The entry symbol gives nothing. */
#include "tiny.h"

TINY_NOTE("null-entry", MODHOST_ABI_MAJOR, MODHOST_ABI_MINOR);
__attribute__((visibility("default"))) const modhost_module* modhost_module_v1(
    const modhost_host_info* host) {
  (void)host;
  return NULL;
}
