// `.env`: NAME=VALUE lines beside modules.yaml, as shells, Docker and the platform's own SDK read
// them.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

namespace modhost::host {

inline constexpr std::size_t kDotEnvBytesMax = 1024 * 1024;
inline constexpr std::size_t kVariableNameBytesMax = 255;

// Reads `path`; empty when there is no such file. A name that comes twice has its last value.
//
// A line is blank, a comment (#…), or [export ]NAME=VALUE. VALUE is bare (a blank followed by #
// ends it), 'single quoted' (taken literally) or "double quoted" (with \n \t \r \" \\ \$). Nothing
// is interpolated and a value ends with its line. Throws StartupError with the line of anything
// else; never quotes the line, as it may be a secret.
std::map<std::string, std::string> readDotEnv(const std::string& path);

// [A-Za-z_][A-Za-z0-9_]*, at most kVariableNameBytesMax: names stand in messages.
bool isVariableName(std::string_view name);

}  // namespace modhost::host
