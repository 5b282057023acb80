// Event → targets: a pure function over an immutable snapshot, asked once per event, before it is stored.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "host/base/mutex.h"
#include "host/event/event.h"

namespace modhost::host {

// One line of `routes:`. All conditions of `when` must hold: dotted path into the event → one of the values.
struct Condition {
  std::vector<std::string> path;                      // "payload.name" split at the dots
  std::shared_ptr<const nlohmann::json> values;       // an array of accepted scalars
};

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
  std::vector<std::string> targets(const Event& event, const nlohmann::json& document) const;

 private:
  std::vector<Route> routes_;
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
