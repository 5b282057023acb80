// Tests that must wait for a deadline and must have done something before it: a short one costs
// little time, but a slow machine needs a longer one.
#pragma once

#include <doctest/doctest.h>

#include <initializer_list>
#include <string>

namespace modhost::host {

// Runs `scenario` with longer and longer timeouts until one was enough; it returns false, with
// nothing checked that the timeout can spoil, when this one was too short.
template <typename Scenario>
void withEnoughTime(const Scenario& scenario,
                    std::initializer_list<const char*> timeouts = {"2s", "15s", "60s"}) {
  for (const std::string timeout : timeouts) {
    CAPTURE(timeout);
    if (scenario(timeout)) return;
  }
  FAIL_CHECK("no timeout was long enough");
}

}  // namespace modhost::host
