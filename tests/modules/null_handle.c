/* Lacks the one function it exists for. */
#include "tiny.h"

TINY_MODULE("null-handle", .handle = NULL)
