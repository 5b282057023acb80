#include "tests/fault/evidence.h"

#include <sstream>

namespace modhost::host {
namespace {

constexpr std::size_t kDossierLines = 60;

std::string idAfter(const RecordedCall& call, const std::string& prefix) {
  return call.path.starts_with(prefix) ? call.path.substr(prefix.size()) : "";
}

std::string member(const RecordedCall& call, const char* name) {
  const auto found = call.json.is_object() ? call.json.find(name) : call.json.end();
  return found != call.json.end() && found->is_string() ? found->get<std::string>() : "";
}

bool wasDone(const RecordedCall& call) {
  return call.fault.empty() || call.fault == "slow" || call.fault.ends_with("handled") ||
         call.fault == "cut after handling" || call.fault == "cut mid reply";
}

// "… event=evt_7 module=…" → "evt_7"
std::string eventIn(const std::string& line) {
  const std::size_t at = line.find(" event=");
  if (at == std::string::npos) return "";
  return line.substr(at + 7, line.find(' ', at + 7) - at - 7);
}

template <typename Map>
const typename Map::mapped_type& orEmpty(const Map& map, const std::string& key) {
  static const typename Map::mapped_type kEmpty;
  const auto found = map.find(key);
  return found == map.end() ? kEmpty : found->second;
}

}  // namespace

bool MessageCall::writesText() const {
  return order == 0 && call->method == "PATCH" && !member(*call, "text").empty() && wasDone(*call);
}

Evidence::Evidence(const RecordingPlatform& platform, const InboxView& inbox,
                   const std::string& log)
    : calls_(platform.calls()), rows_(platform.rows()) {
  for (const MessageRow& message : platform.messages()) {
    if (message.text.is_string()) texts_[message.id] = message.text.get<std::string>();
  }
  sortCalls();
  readInbox(inbox);
  sortLog(log);
}

void Evidence::sortCalls() {
  std::map<std::string, const MessageLogRow*> row_of;
  for (const MessageLogRow& row : rows_) row_of[row.id] = &row;
  for (const RecordedCall& call : calls_) {
    if (call.method == "POST" && call.path == "/message-log") {
      const std::string id = member(call, "messageId");
      if (!id.empty()) calls_of_[id].push_back({&call, call.json.value("order", std::int64_t{0})});
    } else if (const auto row = row_of.find(idAfter(call, "/message-log/")); row != row_of.end()) {
      calls_of_[row->second->message_id].push_back({&call, row->second->order});
    } else if (const std::string id = idAfter(call, "/messages/"); !id.empty()) {
      calls_of_[id].push_back({&call, 0});
    }
  }
}

void Evidence::readInbox(const InboxView& inbox) {
  for (const auto& row : inbox.rows("SELECT id, seq, open FROM event")) {
    stored_[row[0]] = {std::stoll(row[1]), std::stoi(row[2])};
  }
  const auto dead = inbox.rows(
      "SELECT e.id, t.name, d.end, d.why FROM dead_letter d JOIN event e ON e.seq = d.seq"
      " JOIN target t ON t.id = d.target");
  for (const auto& row : dead) {
    stored_[row[0]].dead.push_back({row[1], std::stoi(row[2]), row[3]});
  }
}

void Evidence::sortLog(const std::string& log) {
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    const std::string id = eventIn(line);
    if (!id.empty()) log_of_[id].push_back(line);
  }
}

const std::vector<MessageCall>& Evidence::calls(const std::string& message_id) const {
  return orEmpty(calls_of_, message_id);
}

std::string Evidence::text(const std::string& message_id) const {
  return orEmpty(texts_, message_id);
}

const std::vector<std::string>& Evidence::logLines(const std::string& event_id) const {
  return orEmpty(log_of_, event_id);
}

std::optional<SteadyTime> Evidence::answeredAt(const std::string& message_id) const {
  for (const MessageCall& one : calls(message_id)) {
    if (one.writesText()) return one.call->at;
  }
  return std::nullopt;
}

std::string Evidence::dossier(const LedgerEvent& event) const {
  std::ostringstream text;
  text << "--- " << event.id << (event.mood.empty() ? "" : " (" + event.mood + ")") << ", chat "
       << event.chat << ", company " << event.company << "\n";
  const std::vector<MessageCall>& all = calls(event.message_id);
  for (std::size_t i = 0; i < all.size() && i < kDossierLines; ++i) {
    const RecordedCall& call = *all[i].call;
    const auto since = std::chrono::duration_cast<Milliseconds>(call.at - calls_.front().at);
    text << "  " << since.count() << "ms " << call.method << " " << call.path << " "
         << member(call, "status") << " \"" << member(call, "text") << "\""
         << (call.fault.empty() ? "" : " <- " + call.fault) << "\n";
  }
  const std::vector<std::string>& lines = logLines(event.id);
  for (std::size_t i = 0; i < lines.size() && i < kDossierLines; ++i)
    text << "  " << lines[i] << "\n";
  for (const DeadLetterRow& letter : orEmpty(stored_, event.id).dead) {
    text << "  dead letter of " << letter.target << ", end " << letter.end << ": " << letter.why
         << "\n";
  }
  return text.str();
}

}  // namespace modhost::host
