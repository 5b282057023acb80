// What no single key can know: rules between keys, and warnings about what is accepted but hardly
// meant.
#pragma once

#include "host/config/reader.h"
#include "host/config/settings.h"

namespace modhost::host {

// Throws StartupError: a module id twice, a route to no module, two answering modules for one
// event, a back-off above its maximum, a frame too small for what it must hold, a path to something
// that is neither the file nor the folder it should be. `reader` has read `settings` and knows the
// places.
void checkSettings(const Settings& settings, const Reader& reader);

// One line each, with its place.
std::vector<std::string> settingsWarnings(const Settings& settings, const Reader& reader);

}  // namespace modhost::host
