// The events of the ledger test: which there are, and what must come of each.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace modhost::host {

struct LedgerEvent {
  enum class Kind {
    kQuestion = 1,  // a module owes an answer
    kWatched,       // goes to a module that owes none
    kUserMessage,   // for message-logger
    kParked,        // signed, but no event
    kUnrouted,      // no route matches
  };
  Kind kind = Kind::kQuestion;
  std::string id;  // as the inbox knows it
  std::string body;
  std::string company;
  std::string chat;
  std::string message_id;  // the waiting bubble; only of questions and watched ones
  std::vector<std::string> targets;
  std::string mood = {};       // what moody is told; empty for the others
  bool never_answers = false;  // its mood can only end in an apology
};

// Event `number` of a run: the same for the same seed.
LedgerEvent mixedEvent(std::uint64_t seed, int number);
// A question to rag-responder. `name` makes its id.
LedgerEvent question(const std::string& name, const std::string& company);

inline constexpr char kQuietCompany[] = "quiet";
inline constexpr char kFloodCompany[] = "flood";

// Modules and routes; message-logger writes to `messages_file`, moody and onlooker lie in
// `test_modules`.
std::string ledgerModules(const std::string& messages_file, const std::string& test_modules);

}  // namespace modhost::host
