/* A module but for its note. */
#include "tiny.h"

TINY_DESCRIPTOR("no-note", .reserved = 0)
