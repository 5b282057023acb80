// What this SDK throws. An exception that leaves handle() becomes Outcome::failed(what()), and
// what() goes to the host's log: so it never holds message text.
#pragma once

#include <stdexcept>

namespace modhost {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace modhost
