// Reader: takes the values out of the tree, row by row of the table in keys.h.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "host/config/keys.h"
#include "host/config/yaml_tree.h"

namespace modhost::host {

class Reader {
 public:
  // `file` is for messages; relative paths are resolved against `folder`.
  Reader(std::string file, std::string folder);

  // Fills `owner` from `map`, which stands at `at` ("" is the top, else "modules[0]"): every row of
  // `keys` is set, from the file or from its default. Throws StartupError on the first thing that
  // is not accepted.
  template <typename Owner>
  void read(const YamlNode& map, const std::string& at, const std::vector<Key<Owner>>& keys,
            Owner& owner) {
    refuseUnknown(map, at, "", infosOf(keys));
    for (const Key<Owner>& key : keys) readKey(map, at, key.info, key.slot(owner));
  }

  // Where "modules[0].retry.backoff" or "routes[1].to[0]" stands; for a value that is not in the
  // file, its nearest parent that is.
  std::string placeOf(std::string path) const;

  // What is accepted but should not be, each with its place.
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  // One value on its way into its slot.
  struct Value {
    const KeyInfo& key;
    const std::string& path;  // full: "modules[0].timeout"
    const YamlNode& node;
  };

  [[noreturn]] void refuse(const Value& value) const;
  void refuseUnknown(const YamlNode& map, const std::string& at, const std::string& section,
                     const std::vector<KeyInfo>& keys) const;
  void readKey(const YamlNode& map, const std::string& at, const KeyInfo& key, const Slot& slot);

  std::string text(const Value& value);
  std::string secretInFile(const Value& value);
  std::int64_t number(const Value& value) const;
  std::vector<std::string> texts(const Value& value);
  template <typename Entry>
  void readEntries(const Value& value, const std::vector<Key<Entry>>& keys,
                   std::vector<Entry>& entries);

  void set(const Value& value, std::string* to);
  void set(const Value& value, int* to);
  void set(const Value& value, std::int64_t* to);
  void set(const Value& value, bool* to);
  void set(const Value& value, Settings::Ms* to);
  void set(const Value& value, std::vector<std::string>* to);
  void set(const Value& value, std::optional<WallTime>* to);
  void set(const Value& value, SecretsSlot to);
  void set(const Value& value, const AddressSlot& to);
  void set(const Value& value, const ObjectSlot& to);
  void set(const Value& value, std::vector<Settings::Module>* to);
  void set(const Value& value, std::vector<Settings::RouteKeys>* to);

  const std::string file_;
  const std::string folder_;
  std::map<std::string, Mark> marks_;  // by full path
  std::vector<std::string> warnings_;
};

}  // namespace modhost::host
