#include "sandbox/chat_store.h"

#include <functional>

#include "host/base/time_text.h"
#include "sandbox/ids.h"

namespace modhost::sandbox {
namespace {

constexpr const char* kSchema = R"sql(
  CREATE TABLE IF NOT EXISTS chats(
    id TEXT PRIMARY KEY, company_id TEXT NOT NULL, version INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS messages(
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, chat_id TEXT NOT NULL REFERENCES chats(id),
    object TEXT NOT NULL, live_text TEXT NOT NULL DEFAULT '');
  CREATE INDEX IF NOT EXISTS messages_of_chat ON messages(chat_id);
  CREATE TABLE IF NOT EXISTS logs(
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
    message_id TEXT NOT NULL REFERENCES messages(id) ON DELETE CASCADE,
    step INTEGER NOT NULL, object TEXT NOT NULL);
  CREATE INDEX IF NOT EXISTS logs_of_message ON logs(message_id, step);
  CREATE TABLE IF NOT EXISTS deliveries(
    number INTEGER PRIMARY KEY, event_id TEXT NOT NULL UNIQUE, chat_id TEXT NOT NULL,
    type TEXT NOT NULL, state TEXT NOT NULL, tries INTEGER NOT NULL, status INTEGER NOT NULL,
    error TEXT NOT NULL);
  CREATE INDEX IF NOT EXISTS deliveries_of_chat ON deliveries(chat_id);
  UPDATE deliveries SET state = 'gave_up', error = 'the sandbox was stopped'
    WHERE state = 'waiting';
)sql";

Json emptyMessage() {
  return {{"object", "message"},           {"text", nullptr},
          {"originalText", nullptr},       {"references", Json::array()},
          {"debugInfo", nullptr},          {"gptRequest", nullptr},
          {"startedStreamingAt", nullptr}, {"stoppedStreamingAt", nullptr},
          {"completedAt", nullptr},        {"userAbortedAt", nullptr}};
}

Json emptyLog() {
  return {{"details", nullptr}, {"references", Json::array()}, {"uncitedReferences", nullptr}};
}

}  // namespace

ChatStore::ChatStore(const std::string& database_path, host::Clock& clock)
    : clock_(clock), database_(database_path) {
  database_.run("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;");
  database_.run(kSchema);
}

std::optional<Question> ChatStore::ask(const Tenant& tenant, const std::string& chat_id,
                                       const std::string& assistant_id, const std::string& text) {
  host::MutexLock lock(mutex_);
  if (!chat_id.empty() && !chatExists(tenant, chat_id)) return std::nullopt;
  Question question{chat_id, assistant_id, "", "", text, "", ""};
  Transaction transaction(database_);
  if (chat_id.empty()) {
    question.chat_id = newId("chat_");
    Statement insert(database_, "INSERT INTO chats VALUES (?, ?, 0)");
    insert.bind(question.chat_id).bind(tenant.company_id).run();
  }
  const Json both = {{"assistantId", assistant_id}};
  Json user = both, assistant = both;
  user.update({{"role", "USER"}, {"text", text}, {"originalText", text}});
  assistant.update({{"role", "ASSISTANT"}});
  user = insertMessage(question.chat_id, user);
  assistant = insertMessage(question.chat_id, assistant);
  ++list_version_;
  changed(question.chat_id);
  transaction.commit();
  question.user_message_id = user.at("id");
  question.assistant_message_id = assistant.at("id");
  question.user_created_at = user.at("createdAt");
  question.assistant_created_at = assistant.at("createdAt");
  return question;
}

std::optional<Json> ChatStore::messages(const Tenant& tenant, const std::string& chat_id) {
  host::MutexLock lock(mutex_);
  if (!chatExists(tenant, chat_id)) return std::nullopt;
  Json all = Json::array();
  Statement rows(database_, "SELECT object FROM messages WHERE chat_id = ? ORDER BY number");
  rows.bind(chat_id);
  while (rows.next()) all.push_back(Json::parse(rows.text(0)));
  return all;
}

std::optional<Json> ChatStore::message(const Tenant& tenant, const std::string& chat_id,
                                       const std::string& id) {
  host::MutexLock lock(mutex_);
  std::optional<Row> row = findMessage(tenant, id);
  if (!row || row->chat_id != chat_id) return std::nullopt;
  return std::move(row->object);
}

std::optional<Json> ChatStore::createMessage(const Tenant& tenant, const Json& members) {
  const std::string chat_id = members.at("chatId");
  host::MutexLock lock(mutex_);
  if (!chatExists(tenant, chat_id)) return std::nullopt;
  Json message = insertMessage(chat_id, members);
  changed(chat_id);
  return message;
}

std::optional<Json> ChatStore::patchMessage(const Tenant& tenant, const std::string& chat_id,
                                            const std::string& id, const Json& members) {
  host::MutexLock lock(mutex_);
  std::optional<Row> row = findMessage(tenant, id);
  if (!row || row->chat_id != chat_id) return std::nullopt;
  row->object.update(members);
  row->object["updatedAt"] = now();
  saveMessage(chat_id, row->object);
  return std::move(row->object);
}

std::optional<Json> ChatStore::removeMessage(const Tenant& tenant, const std::string& chat_id,
                                             const std::string& id) {
  host::MutexLock lock(mutex_);
  std::optional<Row> row = findMessage(tenant, id);
  if (!row || row->chat_id != chat_id) return std::nullopt;
  Statement(database_, "DELETE FROM messages WHERE id = ?").bind(id).run();
  changed(chat_id);
  return std::move(row->object);
}

bool ChatStore::pushText(const Tenant& tenant, const std::string& chat_id, const std::string& id,
                         const std::string& text) {
  host::MutexLock lock(mutex_);
  const std::optional<Row> row = findMessage(tenant, id);
  if (!row || row->chat_id != chat_id) return false;
  Statement(database_, "UPDATE messages SET live_text = ? WHERE id = ?").bind(text).bind(id).run();
  changed(chat_id);
  return true;
}

std::optional<Json> ChatStore::createLog(const Tenant& tenant, const Json& members) {
  const std::string message_id = members.at("messageId");
  host::MutexLock lock(mutex_);
  const std::optional<Row> message = findMessage(tenant, message_id);
  if (!message) return std::nullopt;
  Json log = emptyLog();
  log.update(members);
  log["id"] = newId("log_");
  log["createdAt"] = log["updatedAt"] = now();
  Statement insert(database_, "INSERT INTO logs(id, message_id, step, object) VALUES (?, ?, ?, ?)");
  insert.bind(log.at("id").get<std::string>()).bind(message_id);
  insert.bind(log.at("order").get<std::int64_t>()).bind(log.dump()).run();
  changed(message->chat_id);
  return log;
}

std::optional<Json> ChatStore::patchLog(const Tenant& tenant, const std::string& id,
                                        const Json& members) {
  host::MutexLock lock(mutex_);
  std::optional<Row> row = findLog(tenant, id);
  if (!row) return std::nullopt;
  row->object.update(members);
  row->object["updatedAt"] = now();
  Statement update(database_, "UPDATE logs SET step = ?, object = ? WHERE id = ?");
  update.bind(row->object.at("order").get<std::int64_t>()).bind(row->object.dump()).bind(id).run();
  changed(row->chat_id);
  return std::move(row->object);
}

void ChatStore::noteDelivery(const std::string& chat_id, const DeliveryState& delivery) {
  host::MutexLock lock(mutex_);
  Statement upsert(database_, R"sql(
    INSERT INTO deliveries(event_id, chat_id, type, state, tries, status, error)
    VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT(event_id) DO UPDATE SET state = excluded.state, tries = excluded.tries,
      status = excluded.status, error = excluded.error)sql");
  upsert.bind(delivery.event_id).bind(chat_id).bind(delivery.type).bind(delivery.state);
  upsert.bind(static_cast<std::int64_t>(delivery.tries));
  upsert.bind(static_cast<std::int64_t>(delivery.status)).bind(delivery.error).run();
  changed(chat_id);
}

std::optional<Json> ChatStore::view(const std::string& chat_id, std::int64_t after,
                                    host::SteadyTime deadline) {
  host::MutexLock lock(mutex_);
  std::int64_t seen = version(chat_id);
  while (seen >= 0 && seen <= after && !stopped_ && clock_.steadyNow() < deadline) {
    clock_.waitUntil(watchersOf(chat_id), mutex_, deadline);
    seen = version(chat_id);
  }
  if (seen < 0) return std::nullopt;
  return Json{{"chatId", chat_id},
              {"version", seen},
              {"messages", messagesWithLogs(chat_id)},
              {"deliveries", deliveriesOf(chat_id)}};
}

bool ChatStore::exists(const Tenant& tenant, const std::string& chat_id) {
  host::MutexLock lock(mutex_);
  return chatExists(tenant, chat_id);
}

std::optional<Json> ChatStore::stop(const Tenant& tenant, const std::string& chat_id,
                                    const std::string& id) {
  host::MutexLock lock(mutex_);
  std::optional<Row> row = findMessage(tenant, id);
  if (!row || row->chat_id != chat_id || row->object.at("role") != "ASSISTANT") return std::nullopt;
  if (row->object.at("userAbortedAt").is_null()) {
    row->object["userAbortedAt"] = row->object["updatedAt"] = now();
    Statement update(database_, "UPDATE messages SET object = ? WHERE id = ?");
    update.bind(row->object.dump()).bind(id).run();
    changed(chat_id);
  }
  return std::move(row->object);
}

void ChatStore::touch(const std::string& chat_id) {
  host::MutexLock lock(mutex_);
  changed(chat_id);
}

Json ChatStore::list(const Tenant& tenant) {
  host::MutexLock lock(mutex_);
  Json all = Json::array();
  Statement rows(database_, R"sql(
    SELECT c.id, substr(first.object ->> 'text', 1, 120), last.object ->> 'createdAt'
    FROM chats c
      JOIN messages first ON first.number = (SELECT min(number) FROM messages WHERE chat_id = c.id)
      JOIN messages last ON last.number = (SELECT max(number) FROM messages WHERE chat_id = c.id)
    WHERE c.company_id = ? ORDER BY last.number DESC LIMIT ?)sql");
  rows.bind(tenant.company_id).bind(kChatsListedMax);
  while (rows.next()) {
    all.push_back({{"chatId", rows.text(0)}, {"title", rows.text(1)}, {"askedAt", rows.text(2)}});
  }
  return all;
}

std::int64_t ChatStore::listVersion() {
  host::MutexLock lock(mutex_);
  return list_version_;
}

std::int64_t ChatStore::versionOf(const std::string& chat_id) {
  host::MutexLock lock(mutex_);
  return version(chat_id);
}

std::optional<std::int64_t> ChatStore::waitForChange(std::int64_t after,
                                                     host::SteadyTime deadline) {
  host::MutexLock lock(mutex_);
  while (changes_ == after && !stopped_ && clock_.steadyNow() < deadline) {
    clock_.waitUntil(any_change_, mutex_, deadline);
  }
  if (stopped_) return std::nullopt;
  return changes_;
}

void ChatStore::stopWaiting() {
  host::MutexLock lock(mutex_);
  stopped_ = true;
  any_change_.notifyAll();
  for (host::CondVar& watchers : watchers_) watchers.notifyAll();
}

std::optional<ChatStore::Row> ChatStore::findMessage(const Tenant& tenant, const std::string& id) {
  Statement row(database_, R"sql(
    SELECT m.chat_id, m.object FROM messages m JOIN chats c ON c.id = m.chat_id
    WHERE m.id = ? AND c.company_id = ?)sql");
  if (!row.bind(id).bind(tenant.company_id).next()) return std::nullopt;
  return Row{row.text(0), Json::parse(row.text(1))};
}

std::optional<ChatStore::Row> ChatStore::findLog(const Tenant& tenant, const std::string& id) {
  Statement row(database_, R"sql(
    SELECT m.chat_id, l.object FROM logs l JOIN messages m ON m.id = l.message_id
      JOIN chats c ON c.id = m.chat_id
    WHERE l.id = ? AND c.company_id = ?)sql");
  if (!row.bind(id).bind(tenant.company_id).next()) return std::nullopt;
  return Row{row.text(0), Json::parse(row.text(1))};
}

Json ChatStore::insertMessage(const std::string& chat_id, const Json& members) {
  Json message = emptyMessage();
  message.update(members);
  message["id"] = newId("msg_");
  message["chatId"] = chat_id;
  message["createdAt"] = message["updatedAt"] = now();
  Statement insert(database_, "INSERT INTO messages(id, chat_id, object) VALUES (?, ?, ?)");
  insert.bind(message.at("id").get<std::string>()).bind(chat_id).bind(message.dump()).run();
  return message;
}

void ChatStore::saveMessage(const std::string& chat_id, const Json& message) {
  Statement update(database_, "UPDATE messages SET object = ?, live_text = '' WHERE id = ?");
  update.bind(message.dump()).bind(message.at("id").get<std::string>()).run();
  changed(chat_id);
}

bool ChatStore::chatExists(const Tenant& tenant, const std::string& chat_id) {
  Statement row(database_, "SELECT 1 FROM chats WHERE id = ? AND company_id = ?");
  return row.bind(chat_id).bind(tenant.company_id).next();
}

// -1: there is no such chat.
std::int64_t ChatStore::version(const std::string& chat_id) {
  Statement row(database_, "SELECT version FROM chats WHERE id = ?");
  return row.bind(chat_id).next() ? row.integer(0) : -1;
}

void ChatStore::changed(const std::string& chat_id) {
  Statement(database_, "UPDATE chats SET version = version + 1 WHERE id = ?").bind(chat_id).run();
  ++changes_;
  watchersOf(chat_id).notifyAll();
  any_change_.notifyAll();
}

host::CondVar& ChatStore::watchersOf(const std::string& chat_id) {
  return watchers_[std::hash<std::string>{}(chat_id) % watchers_.size()];
}

Json ChatStore::messagesWithLogs(const std::string& chat_id) {
  Json all = Json::array();
  Statement rows(database_,
                 "SELECT id, object, live_text FROM messages WHERE chat_id = ? ORDER BY number");
  rows.bind(chat_id);
  while (rows.next()) {
    Json message = Json::parse(rows.text(1));
    message["logs"] = logsOf(rows.text(0));
    if (const std::string live = rows.text(2); !live.empty()) message["liveText"] = live;
    all.push_back(std::move(message));
  }
  return all;
}

Json ChatStore::logsOf(const std::string& message_id) {
  Json all = Json::array();
  Statement rows(database_, "SELECT object FROM logs WHERE message_id = ? ORDER BY step, number");
  rows.bind(message_id);
  while (rows.next()) all.push_back(Json::parse(rows.text(0)));
  return all;
}

Json ChatStore::deliveriesOf(const std::string& chat_id) {
  Json all = Json::array();
  Statement rows(database_, R"sql(
    SELECT event_id, type, state, tries, status, error FROM deliveries
    WHERE chat_id = ? ORDER BY number)sql");
  rows.bind(chat_id);
  while (rows.next()) {
    all.push_back({{"eventId", rows.text(0)},
                   {"type", rows.text(1)},
                   {"state", rows.text(2)},
                   {"tries", rows.integer(3)},
                   {"status", rows.integer(4)},
                   {"error", rows.text(5)}});
  }
  return all;
}

std::string ChatStore::now() const { return host::isoTime(clock_.wallNow()); }

}  // namespace modhost::sandbox
