#include <variant>

#include "host/base/time_text.h"
#include "host/config/free_object.h"
#include "host/config/keys.h"
#include "host/config/settings.h"
#include "host/config/text.h"
#include "host/config/values.h"

namespace modhost::host {

namespace {

constexpr char kMask[] = "***";

std::string literal(const std::string& text) { return literalYaml(quotedText(text)); }

template <typename Owner>
std::string keysYaml(const std::vector<Key<Owner>>& keys, Owner& owner);

// Each value as it stands after "key: "; one that ends with a line end stands below the key
// instead.
std::string valueYaml(const KeyInfo& key, std::string* value) {
  if (isSecret(key.type)) return literal(value->empty() ? "" : kMask);
  return key.type == KeyType::kConditions ? literalYaml(*value) : literal(*value);
}

std::string valueYaml(const KeyInfo&, int* value) { return std::to_string(*value); }

std::string valueYaml(const KeyInfo& key, std::int64_t* value) {
  return key.type == KeyType::kSize ? sizeText(*value) : std::to_string(*value);
}

std::string valueYaml(const KeyInfo&, bool* value) { return *value ? "true" : "false"; }

std::string valueYaml(const KeyInfo&, Settings::Ms* value) { return durationText(*value); }

std::string valueYaml(const KeyInfo& key, std::vector<std::string>* value) {
  std::vector<std::string> items;
  for (const std::string& item : *value)
    items.push_back(literal(isSecret(key.type) ? kMask : item));
  return "[" + joined(items, ", ") + "]";
}

std::string valueYaml(const KeyInfo& key, const AddressSlot& value) {
  if (value.enabled != nullptr && !*value.enabled) return literal(key.detail);
  return literal(hostPortText({*value.host, *value.port}));
}

std::string valueYaml(const KeyInfo&, const ObjectSlot& value) {
  return value.module->config_shown;
}

std::string valueYaml(const KeyInfo&, std::optional<WallTime>* value) {
  return literal(*value ? isoTime(**value) : "");
}

std::string secretYaml(const Settings::SigningSecret& secret) {
  if (!secret.expires) return literal(kMask);
  return "{secret: " + literal(kMask) + ", expires: " + literal(isoTime(*secret.expires)) + "}";
}

std::string valueYaml(const KeyInfo&, SecretsSlot value) {
  std::vector<std::string> items;
  for (const Settings::SigningSecret& secret : *value) items.push_back(secretYaml(secret));
  return "[" + joined(items, ", ") + "]";
}

template <typename Entry>
std::string entriesYaml(const std::vector<Key<Entry>>& keys, std::vector<Entry>& entries) {
  std::string lines;
  for (Entry& entry : entries) {
    std::string block = indented(keysYaml(keys, entry), 2);
    block[0] = '-';
    lines += block;
  }
  return lines.empty() ? "[]" : lines;
}

std::string valueYaml(const KeyInfo&, std::vector<Settings::Module>* value) {
  return entriesYaml(moduleKeys(), *value);
}

std::string valueYaml(const KeyInfo&, std::vector<Settings::RouteKeys>* value) {
  return entriesYaml(routeKeys(), *value);
}

// "name: value", or the name and the value's lines below it.
std::string lineYaml(const std::string& name, const std::string& value) {
  if (value.empty() || value.back() != '\n') return name + ": " + value + "\n";
  return name + ":\n" + indented(value, 2);
}

// Opens the sections that `path` stands in and the row before did not.
std::string openSections(const std::string& path, const std::string& open) {
  if (path.empty() || path == open || open.rfind(path + ".", 0) == 0) return "";
  const std::string parent = parentOf(path);
  const auto depth = static_cast<int>(split(path, '.').size()) - 1;
  return openSections(parent, open) +
         indented(path.substr(parent.empty() ? 0 : parent.size() + 1) + ":", 2 * depth);
}

template <typename Owner>
std::string keysYaml(const std::vector<Key<Owner>>& keys, Owner& owner) {
  std::string lines;
  std::string open;
  for (const Key<Owner>& key : keys) {
    const std::vector<std::string> steps = split(key.info.path, '.');
    const std::string section = parentOf(key.info.path);
    const std::string value =
        std::visit([&](const auto& slot) { return valueYaml(key.info, slot); }, key.slot(owner));
    lines += openSections(section, open);
    lines += indented(lineYaml(steps.back(), value), 2 * (static_cast<int>(steps.size()) - 1));
    open = section;
  }
  return lines;
}

}  // namespace

std::string effectiveYaml(const Settings& settings) {
  Settings copy = settings;  // the table's slots are for writing; nothing here does
  return keysYaml(settingsKeys(), copy);
}

}  // namespace modhost::host
