/* A note, but no entry symbol. */
#include "tiny.h"

TINY_NOTE("no-entry", MODHOST_ABI_MAJOR, MODHOST_ABI_MINOR);
