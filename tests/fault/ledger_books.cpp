// One check after the other, each a function that reads the witnesses and adds to the balance.
#include "tests/fault/ledger_books.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "host/inbox/inbox.h"
#include "tests/system/main_job.h"

namespace modhost::host {
namespace {

using Kind = LedgerEvent::Kind;

// A flood smaller than this says nothing about who came first.
constexpr std::size_t kFloodMin = 30;

class Audit {
 public:
  explicit Audit(const Witnesses& witnesses)
      : w_(witnesses), logged_(w_.logged_ids.begin(), w_.logged_ids.end()) {}

  Balance run() {
    for (const Entry& entry : w_.entries) {
      checkEvent(entry.event);
      ++balance_.fates[fateOf(entry.event)];
    }
    checkInbox();
    countRows();
    checkChatOrder();
    checkQuietCompany();
    return std::move(balance_);
  }

 private:
  void complain(const std::string& what, const std::string& event_id = "") {
    balance_.complaints.push_back({what, event_id});
  }

  // Every acknowledged event is known, and all its deliveries have ended.
  void checkEvent(const LedgerEvent& event) {
    const auto stored = w_.evidence.stored().find(event.id);
    if (stored == w_.evidence.stored().end()) return complain("acknowledged but unknown", event.id);
    if (stored->second.open != 0) complain("not settled", event.id);
    for (const DeadLetterRow& letter : stored->second.dead) checkDeadLetter(event, letter);
    if (event.kind == Kind::kQuestion) checkTexts(event);
  }

  void checkDeadLetter(const LedgerEvent& event, const DeadLetterRow& letter) {
    const auto& targets = event.targets;
    if (std::find(targets.begin(), targets.end(), letter.target) == targets.end()) {
      complain("a dead letter of " + letter.target + ", which it was not for", event.id);
    }
    const bool mild = event.mood.empty() || event.mood.starts_with("answer-well");
    if (letter.end == static_cast<int>(End::kInterrupted) && mild) {
      ++balance_.innocents_interrupted;
    }
  }

  std::string fateOf(const LedgerEvent& event) {
    switch (event.kind) {
      case Kind::kQuestion:
        return fateOfQuestion(event);
      case Kind::kWatched:
        return "owed nothing";
      case Kind::kUserMessage:
        return fateOfUserMessage(event);
      case Kind::kParked:
        return fateAsDeadLetter(event, "parked");
      case Kind::kUnrouted:
        return fateAsDeadLetter(event, "unrouted");
    }
    return "unknown";
  }

  std::string fateOfQuestion(const LedgerEvent& event) {
    const std::string text = w_.evidence.text(event.message_id);
    if (text.empty()) {
      complain("a chat is left hanging", event.id);
      return "lost";
    }
    if (text == kApology) {
      if (!mayBeApologised(event)) complain("an apology, but no bad end", event.id);
      return "apologised";
    }
    if (event.never_answers) complain("answered, though its module never does", event.id);
    return "answered";
  }

  // Who skips an event is done with it, but the chat is owed its apology.
  bool mayBeApologised(const LedgerEvent& event) const {
    const std::string& answering = event.targets.front();
    const auto& dead = w_.evidence.stored().at(event.id).dead;
    return event.mood == "skip" ||
           std::any_of(dead.begin(), dead.end(),
                       [&](const DeadLetterRow& letter) { return letter.target == answering; });
  }

  std::string fateOfUserMessage(const LedgerEvent& event) {
    if (logged_.count(event.id) != 0) return "recorded";
    complain("a user message is not recorded", event.id);
    return "lost";
  }

  std::string fateAsDeadLetter(const LedgerEvent& event, const std::string& fate) {
    const auto stored = w_.evidence.stored().find(event.id);
    if (stored != w_.evidence.stored().end() && stored->second.dead.size() == 1) return fate;
    complain("not kept as a dead letter", event.id);
    return "lost";
  }

  // Never an apology beside an answer; and a text is written again only where it had to be: the
  // fate of the first was unknown, or the module was run again.
  void checkTexts(const LedgerEvent& event) {
    std::vector<const RecordedCall*> writes;
    int apologies = 0;
    int unheard = 0;
    for (const MessageCall& one : w_.evidence.calls(event.message_id)) {
      if (!one.writesText()) continue;
      writes.push_back(one.call);
      if (one.call->json.at("text") == kApology) ++apologies;
      if (!one.call->fault.empty() && one.call->fault != "slow") ++unheard;
    }
    const int count = static_cast<int>(writes.size());
    if (apologies != 0 && apologies != count) complain("an apology and an answer", event.id);
    if (count < 2) return;
    const int explained =
        unheard + reruns(event) + hostEndsBetween(writes.front()->at, writes.back()->at);
    balance_.texts_written_again += count - 1;
    if (count > 1 + explained) complain("written again without a reason", event.id);
  }

  // How often the log says that the answering module gets the event once more.
  int reruns(const LedgerEvent& event) const {
    const std::string module = " module=" + event.targets.front() + " ";
    const auto& lines = w_.evidence.logLines(event.id);
    return static_cast<int>(std::count_if(lines.begin(), lines.end(), [&](std::string line) {
      line += ' ';
      const bool again = line.find("attempt to be repeated") != std::string::npos ||
                         line.find("attempt handed back") != std::string::npos;
      return again && line.find(module) != std::string::npos;
    }));
  }

  int hostEndsBetween(SteadyTime from, SteadyTime to) const {
    return static_cast<int>(
        std::count_if(w_.host_aways.begin(), w_.host_aways.end(),
                      [&](const HostAway& away) { return from <= away.until && away.from <= to; }));
  }

  // The kept counts are those of the platform's side of the story.
  void checkInbox() {
    std::int64_t deliveries = 0;
    for (const Entry& entry : w_.entries) {
      deliveries += static_cast<std::int64_t>(entry.event.targets.size());
    }
    std::int64_t dead = 0;
    for (const auto& stored : w_.evidence.stored()) {
      dead += static_cast<std::int64_t>(stored.second.dead.size());
    }
    const auto events = static_cast<std::int64_t>(w_.entries.size());
    const auto compare = [this](const char* what, std::int64_t inbox, std::int64_t here) {
      if (inbox == here) return;
      complain(std::string("the inbox counts ") + std::to_string(inbox) + " " + what + ", not " +
               std::to_string(here));
    };
    compare("events", w_.inbox.events, events);
    compare("stored events", static_cast<std::int64_t>(w_.evidence.stored().size()), events);
    compare("dead letters", w_.inbox.dead, dead);
    compare("ended deliveries", w_.inbox.done + w_.inbox.dead, deliveries);
    compare("open deliveries", w_.inbox.open(), 0);
  }

  // Of each step one row may stand, and be closed.
  void countRows() {
    struct Rows {
      int all = 0, running = 0;
    };
    std::map<std::pair<std::string, std::int64_t>, Rows> steps;
    for (const MessageLogRow& row : w_.evidence.rows()) {
      Rows& rows = steps[{row.message_id, row.order}];
      ++rows.all;
      if (row.statuses.back() == "RUNNING") ++rows.running;
    }
    for (const auto& step : steps) {
      balance_.extra_or_orphaned_rows += std::max(step.second.all - 1, step.second.running);
    }
  }

  struct Turn {
    std::int64_t seq = 0;
    SteadyTime first{}, last{};
    std::string event_id;
  };

  // moody is ordered by chat: what it does for one event comes before what it does for the next.
  void checkChatOrder() {
    std::map<std::string, std::vector<Turn>> chats;
    for (const Entry& entry : w_.entries) {
      if (entry.event.mood.empty()) continue;
      if (auto turn = turnOf(entry.event)) chats[entry.event.chat].push_back(std::move(*turn));
    }
    for (auto& chat : chats) {
      std::vector<Turn>& turns = chat.second;
      std::sort(turns.begin(), turns.end(),
                [](const Turn& a, const Turn& b) { return a.seq < b.seq; });
      for (std::size_t i = 1; i < turns.size(); ++i) {
        if (turns[i - 1].last < turns[i].first) continue;
        complain("begun before " + turns[i - 1].event_id + " of its chat had ended",
                 turns[i].event_id);
      }
    }
  }

  // The calls moody itself made; what the host does to close a chat may come later.
  std::optional<Turn> turnOf(const LedgerEvent& event) const {
    const auto stored = w_.evidence.stored().find(event.id);
    if (stored == w_.evidence.stored().end()) return std::nullopt;
    Turn turn{stored->second.seq, {}, {}, event.id};
    for (const MessageCall& one : w_.evidence.calls(event.message_id)) {
      const auto& json = one.call->json;
      const std::string text = json.is_object() ? json.value("text", "") : "";
      const bool of_moody = one.order <= 1;
      if (!of_moody || !(text.starts_with("run ") || text.starts_with("answer to "))) continue;
      if (turn.first == SteadyTime{}) turn.first = one.call->at;
      turn.last = one.call->at;
    }
    return turn.first == SteadyTime{} ? std::nullopt : std::optional(turn);
  }

  // A quiet company's event overtakes the flood that was there before it.
  void checkQuietCompany() {
    std::vector<double> shares;
    for (const Entry& entry : w_.entries) {
      if (entry.event.company != kQuietCompany) continue;
      if (const auto share = overtaken(entry)) shares.push_back(*share);
    }
    balance_.quiet_events_in_floods = static_cast<int>(shares.size());
    if (shares.empty()) return;
    const auto middle = shares.begin() + static_cast<std::ptrdiff_t>(shares.size() / 2);
    std::nth_element(shares.begin(), middle, shares.end());
    balance_.overtaken_by_flood = *middle;
    if (*middle > 0.5) complain("a quiet company waited for another one's flood");
  }

  // Which share of the flood that waited before it was served before it; nullopt: no flood waited.
  std::optional<double> overtaken(const Entry& quiet) const {
    const auto served = w_.evidence.answeredAt(quiet.event.message_id);
    if (!served) return std::nullopt;
    std::size_t waited = 0;
    std::size_t before = 0;
    for (const Entry& entry : w_.entries) {
      if (entry.event.company != kFloodCompany) continue;
      if (entry.acknowledged_at >= quiet.acknowledged_at) continue;
      const auto flood_served = w_.evidence.answeredAt(entry.event.message_id);
      if (!flood_served || *flood_served <= quiet.acknowledged_at) continue;
      ++waited;
      if (*flood_served < *served) ++before;
    }
    if (waited < kFloodMin) return std::nullopt;
    return static_cast<double>(before) / static_cast<double>(waited);
  }

  const Witnesses& w_;
  const std::set<std::string> logged_;
  Balance balance_;
};

}  // namespace

void Books::acknowledged(const LedgerEvent& event) {
  const SteadyTime now = std::chrono::steady_clock::now();
  MutexLock lock(mutex_);
  entries_.push_back({event, now});
}

std::vector<Entry> Books::entries() const {
  MutexLock lock(mutex_);
  return entries_;
}

Balance balance(const Witnesses& witnesses) { return Audit(witnesses).run(); }

}  // namespace modhost::host
