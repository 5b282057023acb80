/* Has a config schema. */
#include "tiny.h"

TINY_MODULE("configured", .config_schema = TINY_TEXT(
    "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"limit\":"
    "{\"type\":\"integer\",\"minimum\":1},\"names\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}}}"))
