// What the text types of the table accept, beyond being text.
#pragma once

#include <optional>
#include <string>

#include "host/config/keys.h"

namespace modhost::host {

// `text` as it is kept (an URL loses quotes and trailing slashes); nullopt when `type` does not
// accept it. `choices` are those of kEnum. For a list type: the rule of its items.
std::optional<std::string> acceptText(KeyType type, const std::string& choices,
                                      const std::string& text);

// The host of an accepted URL, without brackets and port.
std::string urlHost(const std::string& url);

}  // namespace modhost::host
