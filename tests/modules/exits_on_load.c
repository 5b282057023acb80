/* Its constructor says why it ends the process that loads it. */
#include <stdio.h>
#include <unistd.h>

#include "tiny.h"

__attribute__((constructor)) static void loaded(void) {
  fputs("looking around\ncannot find licence", stderr);
  _exit(4);
}
TINY_MODULE("exits-on-load", .reserved = 0)
