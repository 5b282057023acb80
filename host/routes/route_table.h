// Event → targets: a pure function over an immutable snapshot, asked once per event, before it is
// stored.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "host/base/mutex.h"
#include "host/event/event.h"

namespace modhost::host {

// One entry of `when`: what stands at `path` must be one of `values`. Compared as JSON: "8" is not
// 8, 8 is 8.0, letters keep their case. The path steps through objects only; where it leads
// nowhere, nothing matches, not even null. An array at its end matches when any of its elements
// does (toolChoices, disabledTools).
struct Condition {
  std::vector<std::string> path;                 // "payload.name" split at the dots
  std::shared_ptr<const nlohmann::json> values;  // an array of accepted scalars
};

// One line of `routes:`. Matches when the event's type does and every condition of `when` holds.
struct Route {
  std::string event;  // an exact type, or a prefix followed by one trailing '*'
  std::vector<Condition> when;
  std::vector<std::string> to;  // module ids
};

// Immutable; share it freely between threads.
class RouteTable {
 public:
  explicit RouteTable(std::vector<Route> routes);
  // Every module that any matching route names, once each, in the order of the file.
  std::vector<std::string> targets(const Event& event) const;

  const std::vector<Route>& routes() const { return routes_; }
  // What metrics call the types of events, so that there are as few as the file has patterns: the
  // `event` of the route that names a type most closely, else "other", which comes last.
  const std::vector<std::string>& typeLabels() const { return type_labels_; }
  // Which of them.
  std::size_t typeLabel(std::string_view type) const;

 private:
  std::vector<Route> routes_;
  std::vector<std::string> type_labels_;  // longest first, so that the first that fits fits best
};

// The table that serves now. A reload swaps it whole; who reads keeps the one it got. Threads: any.
class CurrentRoutes {
 public:
  explicit CurrentRoutes(std::shared_ptr<const RouteTable> table) : table_(std::move(table)) {}
  std::shared_ptr<const RouteTable> get() const;
  void set(std::shared_ptr<const RouteTable> table);

 private:
  mutable Mutex mutex_;
  std::shared_ptr<const RouteTable> table_ GUARDED_BY(mutex_);
};

}  // namespace modhost::host
