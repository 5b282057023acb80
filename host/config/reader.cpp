#include "host/config/reader.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <utility>

#include "host/base/startup_error.h"
#include "host/base/time_text.h"
#include "host/config/free_object.h"
#include "host/config/secret_file.h"
#include "host/config/text.h"
#include "host/config/text_rules.h"
#include "host/config/values.h"

namespace modhost::host {

namespace {

using Kind = YamlNode::Kind;

std::string under(const std::string& at, const std::string& path) {
  return at.empty() || path.empty() ? at + path : at + "." + path;
}

std::string lastOf(const std::string& path) { return path.substr(path.rfind('.') + 1); }

// What stands there, without giving a secret away.
std::string foundText(const KeyInfo& key, const YamlNode& node) {
  switch (node.kind) {
    case Kind::kNull:
      return "nothing";
    case Kind::kList:
      return isList(key.type) ? "a list of " + std::to_string(node.items.size()) : "a list";
    case Kind::kMap:
      return "a mapping";
    case Kind::kScalar:
      break;
  }
  if (node.text.empty())
    return node.written.empty() ? "empty" : "empty (" + quotedStart(node.written) + ")";
  if (isSecret(key.type)) return "text that is not shown";
  if (node.from_variable) return quotedStart(node.written) + ", whose value is not shown";
  return quotedStart(node.text);
}

// A default as a node, so that it goes through the same reading as what stands in the file.
YamlNode defaultNode(const KeyInfo& key, const Mark& mark) {
  YamlNode node;
  node.mark = mark;
  node.kind = isList(key.type) ? Kind::kList : Kind::kScalar;
  if (key.type == KeyType::kObject || key.type == KeyType::kConditions) node.kind = Kind::kMap;
  if (node.kind == Kind::kScalar) node.text = node.written = key.fallback;
  return node;
}

bool isSection(const std::string& path, const std::vector<KeyInfo>& keys) {
  return std::any_of(keys.begin(), keys.end(), [&](const KeyInfo& key) {
    return std::string(key.path).rfind(path + ".", 0) == 0;
  });
}

bool isKey(const std::string& section, const std::string& name, const std::vector<KeyInfo>& keys) {
  return std::any_of(keys.begin(), keys.end(), [&](const KeyInfo& key) {
    return parentOf(key.path) == section && lastOf(key.path) == name;
  });
}

// The names that may stand in a section: its keys, and the sections inside it.
std::vector<std::string> namesIn(const std::string& section, const std::vector<KeyInfo>& keys) {
  std::vector<std::string> names;
  for (const KeyInfo& key : keys) {
    std::string path = key.path;
    if (!section.empty() && path.rfind(section + ".", 0) != 0) continue;
    if (!section.empty()) path.erase(0, section.size() + 1);
    const std::string name = path.substr(0, path.find('.'));
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

// "did you mean …": a slip in a name of this section, or the right name in the wrong section.
std::string hintFor(const std::string& at, const std::string& section, const std::string& name,
                    const std::vector<KeyInfo>& keys) {
  const std::string near = nearest(name, namesIn(section, keys));
  if (!near.empty()) return "did you mean " + under(at, under(section, near)) + "? ";
  for (const KeyInfo& key : keys) {
    if (lastOf(key.path) == name || key.path == name) {
      return std::string("did you mean ") + under(at, key.path) + " (nested mappings)? ";
    }
  }
  return "";
}

bool isConditionValue(const YamlNode& node) {
  if (node.kind == Kind::kScalar) return true;
  return node.kind == Kind::kList && !node.items.empty() &&
         std::all_of(node.items.begin(), node.items.end(),
                     [](const YamlNode& item) { return item.kind == Kind::kScalar; });
}

bool isDottedPath(const std::string& path) {
  const std::vector<std::string> steps = split(path, '.');
  return std::none_of(steps.begin(), steps.end(),
                      [](const std::string& step) { return step.empty(); });
}

}  // namespace

Reader::Reader(std::string file, std::string folder)
    : file_(std::move(file)), folder_(std::move(folder)) {}

std::string Reader::placeOf(std::string path) const {
  while (marks_.find(path) == marks_.end() && !path.empty()) {
    const std::size_t end = path.find_last_of(".[");
    path.resize(end == std::string::npos ? 0 : end);
  }
  const auto found = marks_.find(path);
  return placeText(file_, found == marks_.end() ? Mark{} : found->second);
}

void Reader::refuse(const Value& value) const {
  throw StartupError(placeText(file_, value.node.mark),
                     value.path + " is " + foundText(value.key, value.node) +
                         "; accepted: " + acceptedText(value.key));
}

void Reader::refuseUnknown(const YamlNode& map, const std::string& at, const std::string& section,
                           const std::vector<KeyInfo>& keys) const {
  const std::string here = under(at, section);
  const std::string names = joined(namesIn(section, keys), ", ");
  if (map.kind != Kind::kMap) {
    throw StartupError(
        placeText(file_, map.mark),
        (here.empty() ? "the file" : here) + " is no mapping; accepted: a mapping with " + names);
  }
  for (const YamlMember& member : map.members) {
    const std::string path = under(section, member.key);
    if (isKey(section, member.key, keys)) continue;
    if (!isKey(section, member.key, keys) && member.key.find('.') == std::string::npos &&
        isSection(path, keys)) {
      if (member.value.kind != Kind::kNull) refuseUnknown(member.value, at, path, keys);
      continue;
    }
    throw StartupError(placeText(file_, member.key_mark),
                       "unknown key " + quotedStart(under(here, member.key)) + "; " +
                           hintFor(at, section, member.key, keys) + "accepted here: " + names);
  }
}

void Reader::readKey(const YamlNode& map, const std::string& at, const KeyInfo& key,
                     const Slot& slot) {
  const std::string path = under(at, key.path);
  const YamlNode* found = &map;
  Mark mark = map.mark;
  for (const std::string& step : split(key.path, '.')) {
    if (found != nullptr) found = found->find(step);
    if (found != nullptr && found->kind != Kind::kNull) mark = found->mark;
  }
  const bool absent = found == nullptr || found->kind == Kind::kNull;
  if (absent && isRequired(key)) {
    throw StartupError(placeText(file_, mark),
                       path + " is missing; accepted: " + acceptedText(key));
  }
  const YamlNode fallback = absent ? defaultNode(key, mark) : YamlNode{};
  const Value value{key, path, absent ? fallback : *found};
  marks_[path] = mark;
  std::visit([&](const auto& to) { set(value, to); }, slot);
}

std::string Reader::text(const Value& value) {
  const bool optional =
      value.key.fallback != kRequired && *value.key.fallback == '\0' && !isList(value.key.type);
  if (value.node.kind != Kind::kScalar) refuse(value);
  if (value.node.text.empty() && optional) return "";
  const bool in_file = isSecret(value.key.type) && value.node.text.rfind(kFileScheme, 0) == 0;
  auto text =
      acceptText(value.key.type, value.key.detail, in_file ? secretInFile(value) : value.node.text);
  if (!text) refuse(value);
  return *text;
}

std::string Reader::secretInFile(const Value& value) {
  const std::string place = placeText(file_, value.node.mark);
  const std::string written = value.node.text.substr(std::string(kFileScheme).size());
  const auto path = (std::filesystem::path(folder_) / written).lexically_normal();
  try {
    SecretFile file = readSecretFile(path.string());
    if (!file.warning.empty()) warnings_.push_back(place + ": " + value.path + ": " + file.warning);
    return std::move(file.secret);
  } catch (const StartupError& error) {
    throw StartupError(place, value.path + ": " + error.what());
  }
}

std::int64_t Reader::number(const Value& value) const {
  const auto count = [&](std::string_view written) -> std::optional<std::int64_t> {
    if (value.key.type == KeyType::kInteger) return integerFrom(written);
    if (value.key.type == KeyType::kSize) return sizeFrom(written);
    const auto duration = durationFrom(written);
    return duration ? std::optional(std::int64_t{duration->count()}) : std::nullopt;
  };
  if (value.node.kind != Kind::kScalar) refuse(value);
  const auto found = count(value.node.text);
  if (!found || *found < *count(value.key.min) || *found > *count(value.key.max)) refuse(value);
  return *found;
}

std::vector<std::string> Reader::texts(const Value& value) {
  if (value.key.type == KeyType::kIdList && value.node.kind == Kind::kScalar) return {text(value)};
  if (value.node.kind != Kind::kList) refuse(value);
  std::vector<std::string> all;
  for (const YamlNode& item : value.node.items) {
    const std::string path = value.path + "[" + std::to_string(all.size()) + "]";
    marks_[path] = item.mark;
    all.push_back(text({value.key, path, item}));
  }
  const auto count = static_cast<std::int64_t>(all.size());
  if (count < *integerFrom(value.key.min) || count > *integerFrom(value.key.max)) refuse(value);
  return all;
}

template <typename Entry>
void Reader::readEntries(const Value& value, const std::vector<Key<Entry>>& keys,
                         std::vector<Entry>& entries) {
  const auto count_max = static_cast<std::size_t>(*integerFrom(value.key.max));
  if (value.node.kind != Kind::kList || value.node.items.size() > count_max) refuse(value);
  for (const YamlNode& item : value.node.items) {
    const std::string at = value.path + "[" + std::to_string(entries.size()) + "]";
    marks_[at] = item.mark;
    Entry entry;
    entry.where = placeText(file_, item.mark);
    read(item, at, keys, entry);
    entries.push_back(std::move(entry));
  }
}

void Reader::set(const Value& value, std::string* to) {
  if (value.key.type != KeyType::kConditions) {
    *to = text(value);
    if (value.key.type == KeyType::kPath && !to->empty()) {
      *to = (std::filesystem::path(folder_) / *to).lexically_normal().string();
    }
    return;
  }
  if (value.node.kind != Kind::kMap) refuse(value);
  for (const YamlMember& member : value.node.members) {
    const std::string path = under(value.path, plainStart(member.key));
    if (!isDottedPath(member.key) || !isConditionValue(member.value))
      refuse({value.key, path, member.value});
  }
  *to = conditionsJson(value.node);
}

void Reader::set(const Value& value, int* to) { *to = static_cast<int>(number(value)); }

void Reader::set(const Value& value, std::int64_t* to) { *to = number(value); }

void Reader::set(const Value& value, Settings::Ms* to) { *to = Settings::Ms(number(value)); }

void Reader::set(const Value& value, bool* to) {
  if (value.node.kind != Kind::kScalar) refuse(value);
  *to = value.node.text == "true";
  if (!*to && value.node.text != "false") refuse(value);
}

void Reader::set(const Value& value, std::vector<std::string>* to) { *to = texts(value); }

void Reader::set(const Value& value, std::optional<WallTime>* to) {
  const std::string written = text(value);
  if (!written.empty()) *to = timeFrom(written);
}

// An item is the secret itself, or a mapping with the keys of a SigningSecret.
void Reader::set(const Value& value, SecretsSlot to) {
  const std::int64_t count_max = *integerFrom(value.key.max);
  const auto count = static_cast<std::int64_t>(value.node.items.size());
  if (value.node.kind != Kind::kList) refuse(value);
  if (count < *integerFrom(value.key.min) || count > count_max) refuse(value);
  for (const YamlNode& item : value.node.items) {
    const std::string path = value.path + "[" + std::to_string(to->size()) + "]";
    marks_[path] = item.mark;
    Settings::SigningSecret secret;
    secret.where = placeText(file_, item.mark);
    if (item.kind == Kind::kMap) {
      read(item, path, signingSecretKeys(), secret);
    } else {
      secret.text = text({value.key, path, item});
    }
    to->push_back(std::move(secret));
  }
}

void Reader::set(const Value& value, const AddressSlot& to) {
  if (value.node.kind != Kind::kScalar) refuse(value);
  const bool off = to.enabled != nullptr && value.node.text == value.key.detail;
  if (to.enabled != nullptr) *to.enabled = !off;
  if (off) return;
  auto address = hostPortFrom(value.node.text);
  if (!address) refuse(value);
  *to.host = std::move(address->host);
  *to.port = address->port;
}

void Reader::set(const Value& value, const ObjectSlot& to) {
  if (value.node.kind != Kind::kMap) refuse(value);
  to.module->config_json = jsonText(value.node);
  to.module->config_where = placeText(file_, value.node.mark);
  to.module->config_shown = shownYaml(value.node);
  to.module->config_places =
      std::make_shared<const std::map<std::string, std::string>>(placesOf(file_, value.node));
}

void Reader::set(const Value& value, std::vector<Settings::Module>* to) {
  readEntries(value, moduleKeys(), *to);
}

void Reader::set(const Value& value, std::vector<Settings::RouteKeys>* to) {
  readEntries(value, routeKeys(), *to);
}

}  // namespace modhost::host
