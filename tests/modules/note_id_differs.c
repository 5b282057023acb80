/* The note names another module than the descriptor. */
#include "tiny.h"

TINY_NOTE("note-id-differs", MODHOST_ABI_MAJOR, MODHOST_ABI_MINOR);
TINY_DESCRIPTOR("somebody-else", .reserved = 0)
