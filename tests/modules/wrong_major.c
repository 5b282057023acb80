/* From another time; its constructor would end whoever loads it. */
#include <stdlib.h>

#include "tiny.h"

__attribute__((constructor)) static void loaded(void) { abort(); }
TINY_NOTE("wrong-major", MODHOST_ABI_MAJOR + 1, 0);
TINY_DESCRIPTOR("wrong-major", .abi_major = MODHOST_ABI_MAJOR + 1)
