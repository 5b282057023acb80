// StartupError: the host cannot start. One line for the operator: where, what was found, what is
// accepted. Thrown by what reads configuration and modules, caught once, in main(): printed, exit
// code 2.
#pragma once

#include <stdexcept>
#include <string>

namespace modhost::host {

class StartupError : public std::runtime_error {
 public:
  // `where` is "file:line:column" or a module's path; empty when there is no better place than the
  // program.
  StartupError(const std::string& where, const std::string& what_and_accepted)
      : std::runtime_error(where.empty() ? what_and_accepted : where + ": " + what_and_accepted) {}
};

}  // namespace modhost::host
