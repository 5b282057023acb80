// Reading a call's JSON: each function takes what the API promises to take and refuses the rest
// (Refusal 400 with the member's name and what is accepted).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "sandbox/http.h"

namespace modhost::sandbox {

// A present, non-empty string.
std::string requiredText(const Json& body, const std::string& name);
// "" when absent or null.
std::string optionalText(const Json& body, const std::string& name);
std::int64_t optionalInteger(const Json& body, const std::string& name, std::int64_t fallback,
                             std::int64_t min, std::int64_t max);
double optionalNumber(const Json& body, const std::string& name, double fallback);
bool optionalFlag(const Json& body, const std::string& name);
std::vector<std::string> optionalTexts(const Json& body, const std::string& name);
void requireOneOf(const std::string& name, const std::string& value,
                  std::initializer_list<std::string_view> accepted);

// The type a copied member has to have; null is accepted for every one, and clears it.
struct Member {
  enum class Type { kText = 1, kInteger, kArray, kObject };
  const char* name;
  Type type;
};

// The members of `body` that are named, with their types checked. Others are ignored, as the
// platform does.
Json copyMembers(const Json& body, const std::vector<Member>& members);

}  // namespace modhost::sandbox
