// The index is one FTS5 table whose rows are passages. `porter unicode61` folds case, accents and
// English endings ("fees" finds "fee", "Zurich" finds "Zürich"). A question becomes its words in
// quotes, joined by OR: inside quotes FTS5 knows no operators, so nothing a user types can be a
// syntax error.
#include "sandbox/document_index.h"

#include <nlohmann/json.hpp>

#include "host/base/crypto.h"
#include "sandbox/text.h"

namespace modhost::sandbox {
namespace {

// A word in the title weighs as much as three in the text.
constexpr const char* kSchema = R"sql(
  DROP TABLE IF EXISTS passages;
  CREATE VIRTUAL TABLE passages USING fts5(
    title, text, key UNINDEXED, content_id UNINDEXED, chunk_id UNINDEXED,
    passage_order UNINDEXED, changed_ms UNINDEXED,
    tokenize = 'porter unicode61 remove_diacritics 2');
  INSERT INTO passages(passages, rank) VALUES('rank', 'bm25(3.0, 1.0)');
)sql";

constexpr std::string_view kSearch = R"sql(
  SELECT content_id, chunk_id, key, title, text, passage_order, changed_ms, -rank AS weight
  FROM passages
  WHERE passages MATCH ?1
    AND (?2 = '[]' OR content_id IN (SELECT value FROM json_each(?2)))
  ORDER BY rank, rowid LIMIT ?3 OFFSET ?4
)sql";

constexpr std::string_view kDocument = R"sql(
  SELECT content_id, chunk_id, key, title, text, passage_order, changed_ms, 0
  FROM passages WHERE content_id = ? ORDER BY passage_order
)sql";

constexpr std::string_view kTitles = R"sql(
  SELECT title FROM passages GROUP BY content_id ORDER BY count(*) DESC, title LIMIT ?
)sql";

// A quotation is looked for in so many of the best passages.
constexpr std::size_t kQuotedAmong = 50;

// Shorter beginnings are in too many words.
constexpr std::size_t kPrefixBytesMin = 3;

std::string contentId(const std::string& key) {
  return "cont_" + host::hex(host::sha256(key)).substr(0, 24);
}

std::string chunkId(const std::string& content_id, std::size_t order) {
  return "chunk_" + content_id.substr(5) + "_" + std::to_string(order);
}

// BM25 has no upper end; this keeps its order within 0..1.
double scoreOf(double weight) { return weight <= 0 ? 0 : weight / (1 + weight); }

void insertDocument(Statement& insert, const Document& document) {
  const std::string content_id = contentId(document.key);
  std::size_t order = 0;
  for (const std::string& passage : document.passages) {
    ++order;
    insert.bind(document.title).bind(passage).bind(document.key).bind(content_id);
    insert.bind(chunkId(content_id, order)).bind(static_cast<std::int64_t>(order));
    insert.bind(document.changed_at.time_since_epoch().count());
    insert.run();
  }
}

// Letters and digits in lower case, and every byte beyond ASCII.
std::string wordsAlone(const std::string& text) {
  std::string alone;
  for (const char c : text) {
    const bool upper = c >= 'A' && c <= 'Z';
    const bool ascii_kept = upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    const bool kept = ascii_kept || static_cast<unsigned char>(c) >= 0x80;
    if (kept) alone += upper ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return alone;
}

Passage passageOf(const Statement& row) {
  Passage passage{row.text(0), row.text(1), row.text(2), row.text(3), row.text(4)};
  passage.order = static_cast<std::size_t>(row.integer(5));
  passage.changed_at = host::WallTime(host::Milliseconds(row.integer(6)));
  passage.score = scoreOf(row.real(7));
  return passage;
}

}  // namespace

std::string matchExpression(std::string_view text) {
  std::string expression;
  for (const std::string& term : terms(text)) {
    if (!expression.empty()) expression += " OR ";
    expression += '"' + term + '"';  // a term holds letters and digits only, never a quote
    if (term.size() >= kPrefixBytesMin) expression += '*';
  }
  return expression;
}

DocumentIndex::DocumentIndex(const std::string& database_path) : database_(database_path) {
  database_.run("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;");
  database_.run(kSchema);
}

void DocumentIndex::replace(const std::vector<Document>& documents) {
  host::MutexLock lock(mutex_);
  Transaction transaction(database_);
  database_.run("DELETE FROM passages");
  Statement insert(database_, "INSERT INTO passages VALUES (?, ?, ?, ?, ?, ?, ?)");
  for (const Document& document : documents) insertDocument(insert, document);
  transaction.commit();
}

std::vector<Passage> DocumentIndex::search(const SearchRequest& request) {
  std::vector<Passage> found;
  const std::string expression = matchExpression(request.text);
  if (expression.empty()) return found;
  const std::size_t offset = (request.page - 1) * request.limit;
  host::MutexLock lock(mutex_);
  Statement rows(database_, kSearch);
  rows.bind(expression).bind(nlohmann::json(request.content_ids).dump());
  rows.bind(static_cast<std::int64_t>(request.limit)).bind(static_cast<std::int64_t>(offset));
  while (rows.next()) {
    Passage passage = passageOf(rows);
    if (passage.score >= request.score_min) found.push_back(std::move(passage));
  }
  return found;
}

std::vector<Passage> DocumentIndex::document(const std::string& content_id) {
  host::MutexLock lock(mutex_);
  std::vector<Passage> passages;
  Statement rows(database_, kDocument);
  rows.bind(content_id);
  while (rows.next()) passages.push_back(passageOf(rows));
  return passages;
}

std::optional<Passage> DocumentIndex::quoted(const std::string& text) {
  const std::string words = wordsAlone(text);
  if (words.empty()) return std::nullopt;
  SearchRequest request;
  request.text = text;
  request.limit = kQuotedAmong;
  for (Passage& passage : search(request)) {
    if (wordsAlone(passage.text).find(words) != std::string::npos) return std::move(passage);
  }
  return std::nullopt;
}

std::vector<std::string> DocumentIndex::titles(std::size_t count) {
  host::MutexLock lock(mutex_);
  std::vector<std::string> titles;
  Statement rows(database_, kTitles);
  rows.bind(static_cast<std::int64_t>(count));
  while (rows.next()) titles.push_back(rows.text(0));
  return titles;
}

std::size_t DocumentIndex::documentCount() {
  return count("SELECT count(DISTINCT content_id) FROM passages");
}

std::size_t DocumentIndex::passageCount() { return count("SELECT count(*) FROM passages"); }

std::size_t DocumentIndex::count(std::string_view sql) {
  host::MutexLock lock(mutex_);
  Statement row(database_, sql);
  row.next();
  return static_cast<std::size_t>(row.integer(0));
}

}  // namespace modhost::sandbox
