// EventFilter: which events an operator means, as the words of a query or the members of a body.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "host/base/clock.h"
#include "host/base/result.h"
#include "host/inbox/event_query.h"

namespace modhost::host {

// Of one reply, by default and at most.
inline constexpr int kPageEventsDefault = 50;
inline constexpr int kPageEventsMax = 500;

// state, module, end, older_than, newer_than, order, limit, cursor; those that may stand are named
// by `accepted`. Ages count from the event's receipt to `now`. kInvalid: says what was found and
// what is accepted.
Result<EventQuery> eventQuery(const std::map<std::string, std::string>& words,
                              const std::vector<std::string>& accepted, WallTime now);

}  // namespace modhost::host
