#include "sandbox/members.h"

#include <algorithm>

namespace modhost::sandbox {
namespace {

[[noreturn]] void refuse(const std::string& name, const std::string& accepted) {
  throw Refusal(400, name + " has to be " + accepted);
}

// nullptr: absent or null.
const Json* present(const Json& body, const std::string& name) {
  const auto found = body.find(name);
  return found == body.end() || found->is_null() ? nullptr : &*found;
}

const char* nameOf(Member::Type type) {
  switch (type) {
    case Member::Type::kText:
      return "a string";
    case Member::Type::kInteger:
      return "an integer";
    case Member::Type::kArray:
      return "an array";
    case Member::Type::kObject:
      return "an object";
  }
  return "";
}

bool hasType(const Json& value, Member::Type type) {
  switch (type) {
    case Member::Type::kText:
      return value.is_string();
    case Member::Type::kInteger:
      return value.is_number_integer();
    case Member::Type::kArray:
      return value.is_array();
    case Member::Type::kObject:
      return value.is_object();
  }
  return false;
}

}  // namespace

std::string requiredText(const Json& body, const std::string& name) {
  std::string text = optionalText(body, name);
  if (text.empty()) refuse(name, "a non-empty string");
  return text;
}

std::string optionalText(const Json& body, const std::string& name) {
  const Json* value = present(body, name);
  if (value == nullptr) return "";
  if (!value->is_string()) refuse(name, "a string");
  return value->get<std::string>();
}

std::int64_t optionalInteger(const Json& body, const std::string& name, std::int64_t fallback,
                             std::int64_t min, std::int64_t max) {
  const Json* value = present(body, name);
  if (value == nullptr) return fallback;
  // As a double first: an unsigned number above int64's range would wrap on the way.
  const bool fits = value->is_number_integer() &&
                    value->get<double>() >= static_cast<double>(min) &&
                    value->get<double>() <= static_cast<double>(max);
  if (!fits) refuse(name, "an integer from " + std::to_string(min) + " to " + std::to_string(max));
  return value->get<std::int64_t>();
}

double optionalNumber(const Json& body, const std::string& name, double fallback) {
  const Json* value = present(body, name);
  if (value == nullptr) return fallback;
  if (!value->is_number()) refuse(name, "a number");
  return value->get<double>();
}

bool optionalFlag(const Json& body, const std::string& name) {
  const Json* value = present(body, name);
  if (value == nullptr) return false;
  if (!value->is_boolean()) refuse(name, "true or false");
  return value->get<bool>();
}

std::vector<std::string> optionalTexts(const Json& body, const std::string& name) {
  const Json* value = present(body, name);
  if (value == nullptr) return {};
  const bool fits =
      value->is_array() &&
      std::all_of(value->begin(), value->end(), [](const Json& item) { return item.is_string(); });
  if (!fits) refuse(name, "an array of strings");
  return value->get<std::vector<std::string>>();
}

void requireOneOf(const std::string& name, const std::string& value,
                  std::initializer_list<std::string_view> accepted) {
  if (std::find(accepted.begin(), accepted.end(), value) != accepted.end()) return;
  std::string list;
  for (const std::string_view item : accepted) {
    list.append(list.empty() ? "" : ", ").append(item);
  }
  refuse(name, "one of " + list);
}

Json copyMembers(const Json& body, const std::vector<Member>& members) {
  Json copy = Json::object();
  for (const Member& member : members) {
    const auto found = body.find(member.name);
    if (found == body.end()) continue;
    if (!found->is_null() && !hasType(*found, member.type))
      refuse(member.name, nameOf(member.type));
    copy[member.name] = *found;
  }
  return copy;
}

}  // namespace modhost::sandbox
