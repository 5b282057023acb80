/* Its constructor ends the process that loads it. */
#include <stdlib.h>

#include "tiny.h"

__attribute__((constructor)) static void loaded(void) { abort(); }
TINY_MODULE("crashes-on-load", .reserved = 0)
