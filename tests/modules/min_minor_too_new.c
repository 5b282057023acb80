/* Needs a host that does not exist yet. */
#include "tiny.h"

TINY_NOTE("min-minor-too-new", MODHOST_ABI_MAJOR, MODHOST_ABI_MINOR + 1);
TINY_DESCRIPTOR("min-minor-too-new", .reserved = 0)
