// docs/openapi.json, as the build embedded it.
#pragma once

#include <string_view>

namespace modhost::host {

extern const std::string_view kOpenApi;

}  // namespace modhost::host
