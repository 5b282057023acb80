#pragma once

#include <exception>
#include <string>

#include "modhost/json.h"

namespace modhost::detail {

// What an exception says, without a piece of the text that was parsed: of the JSON library's
// messages only the type errors quote none.
inline std::string wordsOf(const std::exception& error) {
  const auto* json = dynamic_cast<const Json::exception*>(&error);
  if (json == nullptr || dynamic_cast<const Json::type_error*>(json) != nullptr)
    return error.what();
  return "JSON error " + std::to_string(json->id);
}

// Runs `work`; what it throws goes to `report` as words. True when it threw nothing.
template <class Work, class Report>
bool guarded(Work work, Report report) noexcept {
  try {
    try {
      work();
      return true;
    } catch (const std::exception& error) {
      report(wordsOf(error));
    } catch (...) {
      report(std::string("an exception that is not a std::exception"));
    }
  } catch (...) {  // no memory for the words: the failure itself is still reported
  }
  return false;
}

}  // namespace modhost::detail
