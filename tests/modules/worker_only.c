/* Does not want to be in the host's process. */
#include "tiny.h"

TINY_MODULE("worker-only", .isolation_allowed = MODHOST_ISOLATION_WORKER)
