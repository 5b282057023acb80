/* Its constructor wants half a gigabyte, and ends the process that does not give it. */
#include <stdio.h>
#include <stdlib.h>

#include "tiny.h"

static void* volatile hoard;

__attribute__((constructor)) static void loaded(void) {
  const size_t bytes = 512u << 20;
  hoard = malloc(bytes);
  if (hoard == NULL) {
    fputs("no memory for the index\n", stderr);
    abort();
  }
  memset(hoard, 1, bytes);
}
TINY_MODULE("hoards-on-load", .reserved = 0)
