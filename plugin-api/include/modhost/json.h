// Json: what events, replies and settings are made of.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace modhost {

using Json = nlohmann::json;

// How deep arrays and objects may nest: nlohmann/json overflows the stack when a deeply nested
// value is copied or dumped. The host holds events to the same number.
inline constexpr int kJsonDepthMax = 64;

namespace detail {

// Walks the bytes once, without recursion or allocation. Says nothing about validity.
inline bool jsonDepthWithin(std::string_view text, int depth_max) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > depth_max) return false;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return true;
}

}  // namespace detail

// Parses text from outside. nullopt: not JSON, not UTF-8, or nested deeper than kJsonDepthMax. The
// parser's own message is dropped, since it quotes the text.
inline std::optional<Json> parseJson(std::string_view text) {
  if (!detail::jsonDepthWithin(text, kJsonDepthMax)) return std::nullopt;
  Json parsed = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (parsed.is_discarded()) return std::nullopt;
  return std::optional<Json>(std::in_place, std::move(parsed));
}

// Compact text; bytes that are not UTF-8 become U+FFFD instead of an exception.
inline std::string dumpJson(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

namespace detail {

inline const Json& emptyObject() {
  static const Json empty = Json::object();
  return empty;
}

// The member `key`, or null when `json` is not an object or has none.
inline const Json& memberOf(const Json& json, std::string_view key) {
  static const Json null = nullptr;
  if (!json.is_object()) return null;
  const auto found = json.find(key);
  return found == json.end() ? null : *found;
}

// Empty unless it is a string.
inline std::string stringOf(const Json& json) {
  return json.is_string() ? json.get_ref<const std::string&>() : std::string();
}

// An optional member goes on the wire only when it is set; a Json member, when it is not null.
template <class Value>
void putIfSet(Json& json, const char* key, const std::optional<Value>& value) {
  if (value) json[key] = *value;
}
inline void putIfSet(Json& json, const char* key, const Json& value) {
  if (!value.is_null()) json[key] = value;
}

}  // namespace detail
}  // namespace modhost
