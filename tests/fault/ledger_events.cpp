#include "tests/fault/ledger_events.h"

#include <random>
#include <utility>

#include "host/event/event.h"
#include "tests/support/events.h"

namespace modhost::host {
namespace {

using Random = std::mt19937_64;

constexpr int kChats = 12;
constexpr int kCompanies = 3;

struct Weighted {
  int weight;
  const char* mood;
  bool never_answers = false;
};

// What kills a worker is rare: each such event kills it three times.
constexpr Weighted kMoods[] = {
    {90, "answer-well"}, {12, "answer-open"}, {6, "answer-throw"},  {2, "answer-segv"},
    {10, "once-throw"},  {10, "once-retry"},  {10, "throw", true},  {4, "retry", true},
    {2, "segv", true},   {1, "exit", true},   {3, "overrun", true}, {3, "late", true},
    {6, "skip", true},   {6, "reject", true}, {6, "well", true},
};
constexpr Weighted kWatchers[] = {{60, "well"}, {10, "open"}, {10, "throw"}, {10, "reject"},
                                  {10, "skip"}, {4, "retry"}, {1, "segv"},   {2, "overrun"}};

// Unlike the standard's distributions, the same with every library.
int below(Random& random, int limit) {
  return static_cast<int>(random() % static_cast<std::uint64_t>(limit));
}

template <std::size_t Count>
const Weighted& pick(Random& random, const Weighted (&choices)[Count]) {
  int total = 0;
  for (const Weighted& choice : choices) total += choice.weight;
  int left = below(random, total);
  for (const Weighted& choice : choices) {
    if ((left -= choice.weight) < 0) return choice;
  }
  return choices[0];
}

LedgerEvent chosen(const std::string& id, const std::string& name, const std::string& text,
                   const std::string& company, const std::string& chat) {
  LedgerEvent event;
  event.id = id;
  event.company = company;
  event.chat = chat;
  event.message_id = "msg_a_" + id;
  event.body = chosenEventBody(id, text, chat, company);
  event.body.replace(event.body.find("rag.responder"), 13, name);
  return event;
}

LedgerEvent parked(int number) {
  LedgerEvent event;
  event.kind = LedgerEvent::Kind::kParked;
  event.body = number % 2 == 0
                   ? R"({"event":"unique.no-user","number":)" + std::to_string(number) + "}"
                   : "{\"broken\": " + std::to_string(number);
  event.id = bodyId(event.body);
  event.targets = {"(parked)"};
  return event;
}

LedgerEvent unrouted(const std::string& id) {
  LedgerEvent event;
  event.kind = LedgerEvent::Kind::kUnrouted;
  event.id = id;
  event.body = userMessageEventBody(id);
  const std::string type = "user-message.created";
  event.body.replace(event.body.find(type), type.size(), "nobody-wants-this");
  event.targets = {"(unrouted)"};
  return event;
}

LedgerEvent userMessage(const std::string& id) {
  LedgerEvent event;
  event.kind = LedgerEvent::Kind::kUserMessage;
  event.id = id;
  event.body = userMessageEventBody(id);
  event.targets = {"message-logger"};
  return event;
}

}  // namespace

LedgerEvent question(const std::string& name, const std::string& company) {
  LedgerEvent event =
      chosen("evt_" + name, "rag.responder", "Which fees apply?", company, "chat_" + name);
  event.targets = {"rag-responder"};
  return event;
}

LedgerEvent mixedEvent(std::uint64_t seed, int number) {
  Random random(seed * 1'000'003 + static_cast<std::uint64_t>(number));
  const std::string id = "evt_" + std::to_string(number);
  const int chat_number = below(random, kChats);
  const std::string chat = "chat_" + std::to_string(chat_number);
  const std::string company = "company_" + std::to_string(chat_number % kCompanies);
  const Weighted& mood = pick(random, kMoods);
  const std::string watcher = pick(random, kWatchers).mood;
  const int share = below(random, 100);
  if (share < 30) return question(std::to_string(number), company);
  if (share < 85) {
    const bool two = share < 50;
    LedgerEvent event =
        chosen(id, two ? "both" : "moody", std::string(mood.mood) + " " + watcher, company, chat);
    event.targets =
        two ? std::vector<std::string>{"moody", "onlooker"} : std::vector<std::string>{"moody"};
    event.mood = mood.mood;
    event.never_answers = mood.never_answers;
    return event;
  }
  if (share < 89) {
    LedgerEvent event = chosen(id, "watched", "- " + watcher, company, chat);
    event.kind = LedgerEvent::Kind::kWatched;
    event.targets = {"onlooker"};
    return event;
  }
  if (share < 95) return userMessage(id);
  return share < 97 ? parked(number) : unrouted(id);
}

std::string ledgerModules(const std::string& messages_file, const std::string& test_modules) {
  return "modules:\n"
         "  - {id: rag-responder, answers: true, concurrency: 8, timeout: 30s}\n"
         "  - {id: moody, path: " +
         test_modules +
         "/moody.so, answers: true, timeout: 5s,"
         " order_by: chat, retry: {attempts: 3, backoff: 50ms, backoff_max: 200ms}}\n"
         "  - {id: onlooker, path: " +
         test_modules +
         "/onlooker.so, timeout: 5s,"
         " retry: {attempts: 2, backoff: 50ms}}\n"
         "  - {id: message-logger, isolation: in_process, config: {file: " +
         messages_file +
         "}, retry: {attempts: 100, backoff: 50ms}}\n"
         "routes:\n"
         "  - {event: unique.chat.external-module.chosen, when: {payload.name: rag.responder},"
         " to: rag-responder}\n"
         "  - {event: unique.chat.external-module.chosen, when: {payload.name: [moody, both]},"
         " to: moody}\n"
         "  - {event: unique.chat.external-module.chosen, when: {payload.name: [watched, both]},"
         " to: onlooker}\n"
         "  - {event: unique.chat.user-message.created, to: message-logger}\n"
         "worker: {stop_grace: 1s, restart_backoff: 50ms, restart_backoff_max: 500ms}\n"
         "dispatch: {drain: 2s, overrun_grace: 300ms, unrouted: dead_letter}\n";
}

}  // namespace modhost::host
