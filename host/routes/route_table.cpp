#include "host/routes/route_table.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

namespace modhost::host {

namespace {

using Json = nlohmann::json;

bool typeMatches(std::string_view pattern, std::string_view type) {
  if (pattern.empty() || pattern.back() != '*') return pattern == type;
  pattern.remove_suffix(1);
  return type.substr(0, pattern.size()) == pattern;
}

const Json* at(const Json& document, const std::vector<std::string>& path) {
  const Json* here = &document;
  for (const std::string& step : path) {
    if (!here->is_object()) return nullptr;
    const auto next = here->find(step);
    if (next == here->end()) return nullptr;
    here = &*next;
  }
  return here;
}

bool isOneOf(const Json& value, const Json& accepted) {
  return std::find(accepted.begin(), accepted.end(), value) != accepted.end();
}

bool holds(const Condition& condition, const Json& document) {
  const Json* found = at(document, condition.path);
  if (found == nullptr) return false;
  if (!found->is_array()) return isOneOf(*found, *condition.values);
  return std::any_of(found->begin(), found->end(),
                     [&](const Json& element) { return isOneOf(element, *condition.values); });
}

// The event's document, read when the first condition asks for it.
class Document {
 public:
  explicit Document(const Event& event) : event_(event) {}
  const Json& get() {
    if (!document_) document_ = documentOf(event_);
    return *document_;
  }

 private:
  const Event& event_;
  std::optional<Json> document_;
};

bool matches(const Route& route, const Event& event, Document& document) {
  return typeMatches(route.event, event.type) &&
         std::all_of(route.when.begin(), route.when.end(),
                     [&](const Condition& condition) { return holds(condition, document.get()); });
}

void addOnce(std::vector<std::string>& targets, const std::string& target) {
  if (std::find(targets.begin(), targets.end(), target) == targets.end()) targets.push_back(target);
}

}  // namespace

RouteTable::RouteTable(std::vector<Route> routes) : routes_(std::move(routes)) {
  for (const Route& route : routes_) addOnce(type_labels_, route.event);
  const auto is_prefix = [](const std::string& label) { return label.ends_with('*'); };
  std::sort(type_labels_.begin(), type_labels_.end(),
            [&](const std::string& a, const std::string& b) {
              if (is_prefix(a) != is_prefix(b)) return is_prefix(b);
              return a.size() > b.size();
            });
  type_labels_.push_back("other");
}

std::size_t RouteTable::typeLabel(std::string_view type) const {
  std::size_t label = 0;
  while (label + 1 < type_labels_.size() && !typeMatches(type_labels_[label], type)) ++label;
  return label;
}

std::vector<std::string> RouteTable::targets(const Event& event) const {
  Document document(event);
  std::vector<std::string> targets;
  for (const Route& route : routes_) {
    if (!matches(route, event, document)) continue;
    for (const std::string& target : route.to) addOnce(targets, target);
  }
  return targets;
}

std::shared_ptr<const RouteTable> CurrentRoutes::get() const {
  MutexLock lock(mutex_);
  return table_;
}

void CurrentRoutes::set(std::shared_ptr<const RouteTable> table) {
  // The old table, if nobody else holds it, is freed after the lock.
  MutexLock lock(mutex_);
  table_.swap(table);
}

}  // namespace modhost::host
