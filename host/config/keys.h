// The table: every key of modules.yaml, once. Reading, validation, docs/configuration.md, the JSON
// Schema, effectiveYaml() and the nearest-key hints all walk these rows, so a key that is
// documented is read, and one that is read is documented. To add a key: a member in settings.h and
// a row in keys.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "host/config/settings.h"

namespace modhost::host {

// What a value must look like. Text types refuse control characters but for kText; all of them are
// non-empty unless their default is empty.
enum class KeyType {
  kString = 1,
  kText,  // a string that may hold line ends
  // A string that is never shown; file:PATH stands for the content of that file.
  kSecret,
  kSecretList,  // each one a kSecret, or a mapping with keys of its own
  kProxy,       // a kSecret: scheme://[user:password@]host[:port]
  kTime,        // 2026-12-31T00:00:00Z
  kDigest,      // SHA-256 in hex
  kEnum,        // one of `detail`, separated by '|'
  kId,          // a module's id: [a-z0-9-], at most 63 characters
  kInteger,
  kSize,      // 8MiB
  kDuration,  // 300s
  kBool,
  kAddress,       // host:port, or one of `detail`
  kPath,          // of a file or folder; relative ones count from the folder of modules.yaml
  kUrl,           // http(s)://host[:port][/path]
  kUrlPath,       // /webhook
  kEventPattern,  // unique.chat.external-module.chosen, or unique.chat.*
  kCallList,      // of "METHOD /path"
  kIdList,        // one id or a list of ids
  kConditions,    // dotted path: value or list of values
  kObject,        // anything, passed on
  kEntries,       // a list of mappings with keys of their own
};

// When a changed value takes effect in a host that runs.
enum class Applies {
  kAtRestart = 1,
  kAtReload,
  kAtReloadInPlace,  // of modules[]: without a new generation of the module
};

struct KeyInfo {
  const char* path;  // dotted, from the top or from the entry of the list it stands in
  KeyType type;
  const char* fallback;  // the default as it would stand in the file; kRequired: there is none
  const char* min;  // of the value, or of the number of items of a list; written as the value is
  const char* max;
  const char* detail;  // the choices, or an integer's unit
  const char* sentence;
  Applies applies = Applies::kAtRestart;  // all keys of modules[] and routes[] apply at a reload
};

inline constexpr const char* kRequired = nullptr;

// Where a key's value is kept: one member, or those that belong together.
struct AddressSlot {
  std::string* host;
  int* port;
  bool* enabled;  // null: it cannot be switched off
};
using SecretsSlot = std::vector<Settings::SigningSecret>*;
struct ObjectSlot {
  Settings::Module* module;  // config_json, config_where, config_shown, config_places
};
using Slot =
    std::variant<std::string*, int*, std::int64_t*, bool*, Settings::Ms*, std::vector<std::string>*,
                 std::optional<WallTime>*, SecretsSlot, AddressSlot, ObjectSlot,
                 std::vector<Settings::Module>*, std::vector<Settings::RouteKeys>*>;

template <typename Owner>
struct Key {
  KeyInfo info;
  Slot (*slot)(Owner&);
};

// In the order of the documentation; the rows of one section stand together.
const std::vector<Key<Settings>>& settingsKeys();
const std::vector<Key<Settings::SigningSecret>>& signingSecretKeys();
const std::vector<Key<Settings::Module>>& moduleKeys();
const std::vector<Key<Settings::RouteKeys>>& routeKeys();

// One mapping of the file and what it is about, for the documentation. The top level's path is "".
struct Section {
  const char* path;
  const char* sentence;
};
const std::vector<Section>& sections();

template <typename Owner>
std::vector<KeyInfo> infosOf(const std::vector<Key<Owner>>& keys) {
  std::vector<KeyInfo> infos;
  for (const Key<Owner>& key : keys) infos.push_back(key.info);
  return infos;
}

// "webhook" of "webhook.tolerance"; empty at the top.
std::string parentOf(const std::string& path);

bool isList(KeyType type);
bool isSecret(KeyType type);
bool isRequired(const KeyInfo& key);

// How a secret says that its text stands in a file.
inline constexpr char kFileScheme[] = "file:";

// What may stand there, in words: "a duration such as 300s or 15m, from 0s to 7d".
std::string acceptedText(const KeyInfo& key);

}  // namespace modhost::host
