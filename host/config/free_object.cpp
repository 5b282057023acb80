#include "host/config/free_object.h"

#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "host/config/text.h"

namespace modhost::host {

namespace {

using Json = nlohmann::ordered_json;

// Long names of mappings in mappings would else stand in the pointer of every value below them.
constexpr std::size_t kPointerBytesMax = 4 * 1024 * 1024;

// A longer key is no YAML without its "? " in front (YAML 1.2 §7.4.2: 1024 characters).
constexpr std::size_t kSimpleKeyBytesMax = 1'000;

// Only what begins like a number is tried, so that text out of a variable never becomes a list or
// mapping. A number stands on one line.
Json plainScalar(const std::string& text) {
  if (text == "true" || text == "false") return text == "true";
  const bool number = !text.empty() && (text[0] == '-' || (text[0] >= '0' && text[0] <= '9'));
  if (!number || text.find('\n') != std::string::npos) return text;
  const Json parsed = Json::parse(text, nullptr, false);
  return parsed.is_number() ? parsed : Json(text);
}

Json toJson(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return nullptr;
    case YamlNode::Kind::kScalar:
      return node.quoted ? Json(node.text) : plainScalar(node.text);
    case YamlNode::Kind::kList: {
      Json list = Json::array();
      for (const YamlNode& item : node.items) list.push_back(toJson(item));
      return list;
    }
    case YamlNode::Kind::kMap: {
      // Its keys are unique already; to look each one up again would cost quadratic time.
      Json::object_t map;
      for (const YamlMember& member : node.members) {
        map.emplace_back(member.key, toJson(member.value));
      }
      return map;
    }
  }
  return nullptr;
}

// RFC 6901: ~ and / inside a name.
std::string escaped(const std::string& name) {
  std::string step;
  for (const char c : name) {
    if (c == '~') {
      step += "~0";
    } else if (c == '/') {
      step += "~1";
    } else {
      step += c;
    }
  }
  return step;
}

class Places {
 public:
  explicit Places(const std::string& file) : file_(file) {}

  void collect(const YamlNode& node, const std::string& pointer) {
    bytes_ += pointer.size();
    if (bytes_ > kPointerBytesMax) return;
    places_[pointer] = placeText(file_, node.mark);
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      if (bytes_ > kPointerBytesMax) return;
      collect(node.items[i], pointer + "/" + std::to_string(i));
    }
    for (const YamlMember& member : node.members) {
      if (bytes_ > kPointerBytesMax) return;
      collect(member.value, pointer + "/" + escaped(member.key));
    }
  }

  std::map<std::string, std::string> take() { return std::move(places_); }

 private:
  const std::string& file_;
  std::map<std::string, std::string> places_;
  std::size_t bytes_ = 0;
};

// Unquoted where that decides the type: what is no string now, or may be none with other variables.
std::string shownScalar(const YamlNode& node) {
  const bool one_line = node.written.find('\n') == std::string::npos;
  const bool typed =
      !node.quoted && one_line &&
      (node.written.find("${") != std::string::npos || !plainScalar(node.written).is_string());
  return typed ? node.written : quotedText(node.written);
}

std::string shown(const YamlNode& node);

// "key: value", with lists and mappings on lines of their own.
std::string shownMember(const YamlMember& member) {
  const bool block = !member.value.items.empty() || !member.value.members.empty();
  const std::string value = shown(member.value);
  std::string key = quotedText(member.key);
  if (key.size() > kSimpleKeyBytesMax) key = "? " + key + "\n";
  return key + ":" + (block ? "\n" + indented(value, 2) : " " + value + "\n");
}

std::string shownItem(const YamlNode& item) {
  const bool block = !item.items.empty() || !item.members.empty();
  return block ? "-\n" + indented(shown(item), 2) : "- " + shown(item) + "\n";
}

std::string shown(const YamlNode& node) {
  if (node.kind == YamlNode::Kind::kNull) return "null";
  if (node.kind == YamlNode::Kind::kScalar) return shownScalar(node);
  std::string lines;
  for (const YamlNode& item : node.items) lines += shownItem(item);
  for (const YamlMember& member : node.members) lines += shownMember(member);
  if (!lines.empty()) return lines;
  return node.kind == YamlNode::Kind::kList ? "[]" : "{}";
}

}  // namespace

std::string jsonText(const YamlNode& node) { return toJson(node).dump(); }

std::string conditionsJson(const YamlNode& node) {
  Json conditions = Json::object();
  for (const YamlMember& member : node.members) {
    const Json value = toJson(member.value);
    conditions[member.key] = value.is_array() ? value : Json::array({value});
  }
  return conditions.dump();
}

std::map<std::string, std::string> placesOf(const std::string& file, const YamlNode& node) {
  Places places(file);
  places.collect(node, "");
  return places.take();
}

std::string shownYaml(const YamlNode& node) { return shown(node); }

std::string literalYaml(const std::string& json) {
  std::string doubled;
  for (const char c : json) doubled += c == '$' ? "$$" : std::string(1, c);
  return doubled;
}

std::string indented(const std::string& text, int columns) {
  std::istringstream lines(text);
  std::string moved;
  for (std::string line; std::getline(lines, line);) {
    moved += std::string(static_cast<std::size_t>(columns), ' ') + line + "\n";
  }
  return moved;
}

}  // namespace modhost::host
