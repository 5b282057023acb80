// What a reload needs to know of two configurations, from the table.
#include <variant>

#include "host/config/keys.h"
#include "host/config/settings.h"

namespace modhost::host {

namespace {

template <typename T>
bool same(T* a, T* b) {
  return *a == *b;
}

bool same(const AddressSlot& a, const AddressSlot& b) {
  const bool off = a.enabled != nullptr && !*a.enabled;
  const bool other_off = b.enabled != nullptr && !*b.enabled;
  return off == other_off && (off || (*a.host == *b.host && *a.port == *b.port));
}

bool same(const ObjectSlot& a, const ObjectSlot& b) {
  return a.module->config_json == b.module->config_json;
}

template <typename Entry>
bool sameEntry(const std::vector<Key<Entry>>& keys, Entry a, Entry b);

template <typename Entry>
bool sameEntries(const std::vector<Key<Entry>>& keys, const std::vector<Entry>& a,
                 const std::vector<Entry>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!sameEntry(keys, a[i], b[i])) return false;
  }
  return true;
}

bool same(SecretsSlot a, SecretsSlot b) { return sameEntries(signingSecretKeys(), *a, *b); }

bool same(std::vector<Settings::Module>* a, std::vector<Settings::Module>* b) {
  return sameEntries(moduleKeys(), *a, *b);
}

bool same(std::vector<Settings::RouteKeys>* a, std::vector<Settings::RouteKeys>* b) {
  return sameEntries(routeKeys(), *a, *b);
}

// The table's slots are for writing; nothing here does.
template <typename Owner>
bool sameKey(const Key<Owner>& key, Owner& a, Owner& b) {
  const Slot of_b = key.slot(b);
  return std::visit(
      [&](const auto& slot) { return same(slot, std::get<std::decay_t<decltype(slot)>>(of_b)); },
      key.slot(a));
}

template <typename Entry>
bool sameEntry(const std::vector<Key<Entry>>& keys, Entry a, Entry b) {
  for (const Key<Entry>& key : keys) {
    if (key.info.applies != Applies::kAtReloadInPlace && !sameKey(key, a, b)) return false;
  }
  return true;
}

template <typename T>
void copy(T* from, T* to) {
  *to = *from;
}

void copy(const AddressSlot& from, const AddressSlot& to) {
  *to.host = *from.host;
  *to.port = *from.port;
  if (to.enabled != nullptr) *to.enabled = *from.enabled;
}

void copy(const ObjectSlot& from, const ObjectSlot& to) {
  to.module->config_json = from.module->config_json;
}

void copyKey(const Key<Settings>& key, Settings& from, Settings& to) {
  const Slot target = key.slot(to);
  std::visit([&](const auto& slot) { copy(slot, std::get<std::decay_t<decltype(slot)>>(target)); },
             key.slot(from));
}

}  // namespace

std::vector<std::string> keepUntilRestart(const Settings& running, Settings& next) {
  Settings kept = running;
  std::vector<std::string> changed;
  for (const Key<Settings>& key : settingsKeys()) {
    if (key.info.applies == Applies::kAtReload || sameKey(key, kept, next)) continue;
    changed.emplace_back(key.info.path);
    copyKey(key, kept, next);
  }
  return changed;
}

bool sameModule(const Settings::Module& a, const Settings::Module& b) {
  Settings::Module unpinned = a;
  unpinned.sha256 = b.sha256;
  return sameEntry(moduleKeys(), unpinned, b);
}

}  // namespace modhost::host
