#include "sandbox/trace.h"

#include <algorithm>

#include "host/base/time_text.h"
#include "sandbox/text.h"

namespace modhost::sandbox {
namespace {

constexpr const char* kSchema = R"sql(
  CREATE TABLE IF NOT EXISTS traced_events(
    number INTEGER PRIMARY KEY, event_id TEXT NOT NULL UNIQUE, message_id TEXT NOT NULL,
    type TEXT NOT NULL, body TEXT NOT NULL);
  CREATE INDEX IF NOT EXISTS traced_events_of ON traced_events(message_id);
  CREATE TABLE IF NOT EXISTS traced_tries(
    number INTEGER PRIMARY KEY, event_id TEXT NOT NULL, object TEXT NOT NULL);
  CREATE INDEX IF NOT EXISTS traced_tries_of ON traced_tries(event_id);
  CREATE TABLE IF NOT EXISTS traced_calls(
    number INTEGER PRIMARY KEY, message_id TEXT NOT NULL, object TEXT NOT NULL);
  CREATE INDEX IF NOT EXISTS traced_calls_of ON traced_calls(message_id);
)sql";

std::string cut(const std::string& text) {
  if (text.size() <= kTracedBytesMax) return validUtf8(text);
  return validUtf8(text.substr(0, codePointBoundary(text, kTracedBytesMax))) + "…";
}

// What the call says about itself, in one string to look into.
std::string wordsOf(const ModuleCall& call) {
  std::string words = call.request.path + ' ' + call.request.parameter("chatId") + ' ';
  words += call.request.body.substr(0, kTracedLookBytesMax) + ' ';
  return words + call.response.body.substr(0, kTracedLookBytesMax);
}

// A text as it stands between the quotes of a JSON string.
std::string insideJson(const std::string& text) {
  const std::string dumped = Json(text).dump();
  return dumped.substr(1, dumped.size() - 2);
}

Json jsonOf(const WebhookTry& attempt) {
  return {{"headers", attempt.headers},     {"at", host::isoTime(attempt.at)},
          {"tookMs", attempt.took.count()}, {"status", attempt.status},
          {"reply", cut(attempt.reply)},    {"error", attempt.error}};
}

Json jsonOf(const ModuleCall& call) {
  return {{"method", call.request.method},     {"path", call.request.path},
          {"status", call.response.status},    {"at", host::isoTime(call.at)},
          {"tookMs", call.took.count()},       {"fault", call.fault},
          {"request", cut(call.request.body)}, {"response", cut(call.response.body)}};
}

void forgetOld(Database& database, const char* sql, std::int64_t kept) {
  Statement(database, sql).bind(kept).run();
}

Json objectsOf(Statement& rows) {
  Json all = Json::array();
  while (rows.next()) all.push_back(Json::parse(rows.text(0)));
  return all;
}

}  // namespace

Trace::Trace(const std::string& database_path, ChatStore& chats)
    : chats_(chats), database_(database_path) {
  database_.run("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;");
  database_.run(kSchema);
}

void Trace::asked(const Tenant& tenant, const Question& question,
                  const std::vector<WebhookEvent>& events) {
  host::MutexLock lock(mutex_);
  Transaction transaction(database_);
  Statement insert(database_,
                   "INSERT INTO traced_events(event_id, message_id, type, body) "
                   "VALUES (?, ?, ?, ?)");
  for (const WebhookEvent& event : events) {
    insert.bind(event.id).bind(question.assistant_message_id).bind(event.type).bind(event.body);
    insert.run();
  }
  forgetOld(database_,
            "DELETE FROM traced_events WHERE number <= "
            "(SELECT max(number) FROM traced_events) - ?",
            kTracedEventsMax);
  transaction.commit();
  open_.push_front({tenant.company_id, question.chat_id, question.assistant_message_id,
                    insideJson(question.text)});
  if (open_.size() > kTracedQuestionsMax) open_.pop_back();
}

void Trace::tried(const std::string& chat_id, const std::string& event_id,
                  const WebhookTry& attempt) {
  {
    host::MutexLock lock(mutex_);
    Statement(database_, "INSERT INTO traced_tries(event_id, object) VALUES (?, ?)")
        .bind(event_id)
        .bind(jsonOf(attempt).dump())
        .run();
    forgetOld(database_,
              "DELETE FROM traced_tries WHERE number <= (SELECT max(number) FROM traced_tries) - ?",
              kTracedTriesMax);
  }
  chats_.touch(chat_id);
}

void Trace::called(const ModuleCall& call) {
  std::string chat_id;
  {
    host::MutexLock lock(mutex_);
    const Open* question = questionOf(call);
    if (question == nullptr) return;
    chat_id = question->chat_id;
    Statement(database_, "INSERT INTO traced_calls(message_id, object) VALUES (?, ?)")
        .bind(question->message_id)
        .bind(jsonOf(call).dump())
        .run();
    forgetOld(database_,
              "DELETE FROM traced_calls WHERE number <= (SELECT max(number) FROM traced_calls) - ?",
              kTracedCallsMax);
  }
  chats_.touch(chat_id);
}

int Trace::distance(const Open& question, const std::string& words) {
  const auto named = [&](const std::string& part) { return words.find(part) != std::string::npos; };
  if (named(question.message_id)) return 0;
  if (named(question.chat_id)) return 1;
  return named(question.quoted) ? 2 : 3;
}

const Trace::Open* Trace::questionOf(const ModuleCall& call) const {
  const std::string company = call.request.header("x-company-id");
  const std::string words = wordsOf(call);
  const Open* nearest = nullptr;
  int least = 4;
  for (const Open& question : open_) {  // among equals the newest, which comes first
    if (question.company_id != company) continue;
    const int away = distance(question, words);
    if (away < least) nearest = &question;
    least = std::min(least, away);
  }
  return nearest;
}

Json Trace::of(const std::string& assistant_message_id) {
  host::MutexLock lock(mutex_);
  return {{"events", events(assistant_message_id)}, {"calls", calls(assistant_message_id)}};
}

Json Trace::events(const std::string& message_id) {
  Json all = Json::array();
  Statement rows(database_,
                 "SELECT event_id, type, body FROM traced_events WHERE message_id = ? "
                 "ORDER BY number");
  rows.bind(message_id);
  while (rows.next()) {
    all.push_back({{"eventId", rows.text(0)},
                   {"type", rows.text(1)},
                   {"body", rows.text(2)},
                   {"tries", tries(rows.text(0))}});
  }
  return all;
}

Json Trace::tries(const std::string& event_id) {
  Statement rows(database_, "SELECT object FROM traced_tries WHERE event_id = ? ORDER BY number");
  return objectsOf(rows.bind(event_id));
}

Json Trace::calls(const std::string& message_id) {
  Statement rows(database_, "SELECT object FROM traced_calls WHERE message_id = ? ORDER BY number");
  return objectsOf(rows.bind(message_id));
}

}  // namespace modhost::sandbox
